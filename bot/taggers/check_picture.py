"""A small picture, to find out whether a tagging service works."""

from __future__ import annotations

import io


def check_picture() -> bytes:
    """Return a grey picture as the bytes of a JPEG."""
    from PIL import Image  # noqa: PLC0415 - only a check needs Pillow

    written = io.BytesIO()
    Image.new("RGB", (64, 64), "grey").save(written, "JPEG")
    return written.getvalue()
