"""What turns a clip into concepts per frame."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from bot.domain.clip import ClipFile
    from bot.domain.concepts import TaggerIdentity
    from bot.domain.progress import ProgressListener
    from bot.domain.tagging import Observations


class Tagger(Protocol):
    """Turns a checked clip into frames with raw concepts."""

    @property
    def identity(self) -> TaggerIdentity:
        """The identity that the scores are stored under."""

    @property
    def longest(self) -> int:
        """The longest clip accepted, in milliseconds."""

    def size_limit(self, *, public: bool) -> int:
        """Return the largest clip accepted, in bytes; ``public`` if it has a public link."""

    def count_frames(self, duration: int) -> int:
        """Return how many frames are billed for a clip of ``duration`` milliseconds."""

    async def tag(self, clip: ClipFile, progress: ProgressListener) -> Observations:
        """Return what was seen.

        Raises ``ClipError`` if the clip is at fault and ``TaggerError`` if the tagger is.
        """

    async def check(self) -> str:
        """Try the tagger without a clip; return a line for the operator, or raise TaggerError."""
