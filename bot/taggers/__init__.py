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
        """Whose scores these are."""

    @property
    def longest(self) -> int:
        """How many milliseconds a clip may have."""

    def size_limit(self, *, public: bool) -> int:
        """Return how many bytes a clip may have, by whether others could fetch it by link."""

    def count_frames(self, duration: int) -> int:
        """Return how many frames a clip of so many milliseconds costs."""

    async def tag(self, clip: ClipFile, progress: ProgressListener) -> Observations:
        """Return what was seen.

        Raises ``ClipError`` for the clip's fault and ``TaggerError`` for the tagger's.
        """

    async def check(self) -> str:
        """Try the tagger without a clip; return a line for the operator, or raise TaggerError."""
