"""Stills of what the local tagger looks at, chosen once it knows what it saw.

Imports Pillow and NumPy: for code in a sandboxed child alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bot.domain.tagging import Thumbnail
from bot.media.decode.thumbnails import VIEW, jpeg
from bot.taggers.thumbnail_selection import ThumbnailSelector

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bot.domain.concepts import Concept
    from bot.media.decode.scaling import Picture

__all__ = ["VIEW", "ThumbnailStrip"]


class ThumbnailStrip:
    """Keeps a small picture of every second, a few kilobytes each, and chooses among them."""

    def __init__(self) -> None:
        self._thumbnails: list[Thumbnail] = []
        self._moments = ThumbnailSelector()

    def add(self, second: int, picture: Picture, concepts: Sequence[Concept]) -> None:
        """Take the next second's picture and what is seen in it."""
        self._moments.add(concepts)
        self._thumbnails.append(Thumbnail(second, jpeg(picture)))

    def chosen(self) -> list[Thumbnail]:
        """Return the stills where most changes, the first always, in order of time."""
        return [self._thumbnails[place] for place in self._moments.chosen()]
