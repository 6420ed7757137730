"""What pages have in common: their assets, data for scripts, and the hashes of what may run."""

from __future__ import annotations

import base64
import hashlib
import json
from importlib import resources
from typing import Any


def asset(file: str) -> str:
    """Return a style, a script or a template of a page."""
    return resources.files("bot.render").joinpath("page", file).read_text("utf-8")


def embedded(content: dict[str, Any]) -> str:
    """Return JSON that is safe inside a script element: it closes no tag and opens no comment."""
    return (
        json.dumps(content, separators=(",", ":")).replace("<", "\\u003c").replace(">", "\\u003e")
    )


def source_hash(text: str) -> str:
    """Return the hash that lets an inline style or script run, for a content security policy."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
