"""Links to clips in what people write."""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from urllib.parse import unquote, urlsplit

EXTENSIONS = frozenset({"mp4", "m4v", "mov", "mkv", "webm", "avi", "ogg", "ogv", "gif"})
"""File names that promise one of the seven containers; only a promise, the bytes decide."""

_LINK = re.compile(r"<?https?://[^\s<>]+>?", re.IGNORECASE)
_TRAILING = ".,;:!?'\"*_~`|)]}"


def find_links(text: str, *, left_alone: bool = False) -> list[str]:
    """Return the links in a text, each once, in order.

    A link in angle brackets means "leave this alone" and counts only if ``left_alone`` is asked
    for, as it is when somebody hands the link to a command.
    """
    found: dict[str, None] = {}
    for match in _LINK.finditer(text):
        written = match.group()
        if written.startswith("<") and written.endswith(">"):
            if left_alone:
                found[written.strip("<>")] = None
        else:
            found[written.strip("<>").rstrip(_TRAILING)] = None
    return list(found)


def promises_clip(name: str) -> bool:
    """Tell whether a file name or a link's path ends like one of our containers."""
    return PurePosixPath(_path(name)).suffix.lstrip(".").lower() in EXTENSIONS


def name_of(link: str) -> str:
    """Return what to call the clip behind a link: its file name, else its host."""
    try:
        host = urlsplit(link).hostname
    except ValueError:
        host = None
    return PurePosixPath(_path(link)).name or host or link


def _path(link: str) -> str:
    try:
        return unquote(urlsplit(link).path)
    except ValueError:
        return ""
