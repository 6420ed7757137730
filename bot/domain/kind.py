"""The kinds of clips: what a picture is, whatever it shows."""

from __future__ import annotations

from enum import StrEnum


class Kind(StrEnum):
    """A kind of clip, named as in its tag and in exports."""

    PHOTO = "photo"
    """Filmed or photographed."""
    GAME = "video game"
    CARTOON = "cartoon"
    """Drawn or animated."""
    SCREEN = "screen"
    """A desktop, a web page, a chat, code, a terminal or slides."""
    MEME = "meme"
    """Photographs with large captions."""


TAGGED_KINDS = tuple(kind for kind in Kind if kind is not Kind.PHOTO)
"""Those that are also tags. Most clips are filmed, so that would be no news."""
