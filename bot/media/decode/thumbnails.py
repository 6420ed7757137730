"""Thumbnails for the strip of pictures along a clip's timeline.

Import this only in a sandboxed child (it uses Pillow and NumPy).
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from PIL import Image

from bot.media.decode.scaling import View

if TYPE_CHECKING:
    from bot.media.decode.scaling import Picture

VIEW = View(160, whole=True)
_QUALITY = 45  # 2 KB for most pictures of that size; at most they are shown at 92 pixels high


def jpeg(picture: Picture) -> bytes:
    """Return a picture as a JPEG file."""
    written = io.BytesIO()
    Image.fromarray(picture).save(written, "JPEG", quality=_QUALITY, optimize=True)
    return written.getvalue()
