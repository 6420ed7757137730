"""Tags a server's moderators want to hear of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bot.domain.search import normalize

if TYPE_CHECKING:
    from bot.domain.timeline import Segment

MAX_WATCHES = 25
"""Of one server; as many as a list of choices may have at Discord."""


@dataclass(frozen=True, slots=True)
class Watch:
    """A tag, and the channel that hears of it.

    ``threshold`` is the score it must be above; None, the server's.
    """

    tag: str
    channel_id: int
    threshold: float | None = None

    @property
    def normalized(self) -> str:
        """What makes it the same tag however it is written; a server has one watch of each."""
        return normalize(self.tag)


@dataclass(frozen=True, slots=True)
class WatchMatch:
    """A watched tag in the clip at ``position`` (from 1) of its message: when, and how surely."""

    tag: str
    position: int
    segments: tuple[Segment, ...]

    @property
    def score(self) -> float:
        """The highest score."""
        return max(segment.score for segment in self.segments)


@dataclass(frozen=True, slots=True)
class Alert:
    """What one channel of a server is told of a message with so many ``clips``; surest first.

    ``link`` leads to the message.
    """

    guild_id: int
    channel_id: int
    message_id: int
    link: str
    author_id: int | None
    clips: int
    matches: tuple[WatchMatch, ...]
