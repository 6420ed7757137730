"""Watches on tags, and the alerts they cause."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Self

from bot.domain.search import link_to, normalize

if TYPE_CHECKING:
    from bot.domain.job import Reply
    from bot.domain.timeline import Segment

MAX_WATCHES = 25
"""Of one server; as many as Discord allows choices in a list."""


@dataclass(frozen=True, slots=True)
class Watch:
    """A tag, and the channel that is alerted to it.

    Without a ``threshold`` of its own, the server's applies.
    """

    tag: str
    channel_id: int
    threshold: float | None = None

    @property
    def normalized(self) -> str:
        """The normalized tag; a server has one watch for each."""
        return normalize(self.tag)


@dataclass(frozen=True, slots=True)
class WatchMatch:
    """A watched tag in the clip at ``position`` (from 1) of its message, with its segments."""

    tag: str
    position: int
    segments: tuple[Segment, ...]

    @property
    def score(self) -> float:
        """The highest score."""
        return max(segment.score for segment in self.segments)


@dataclass(frozen=True, slots=True)
class Alert:
    """The alert that a channel gets about a message; ``clips`` counts the message's clips.

    ``matches`` are sorted by score, highest first. ``message_id`` is the message the clips were
    posted in. If a command brought them, it is the interaction, and ``linked_id`` is the reply to
    link to instead.
    """

    guild_id: int
    channel_id: int
    message_id: int
    source_id: int
    author_id: int | None
    clips: int
    matches: tuple[WatchMatch, ...]
    by_command: bool = False
    linked_id: int | None = None

    @property
    def link(self) -> str:
        """A link to the message, or to the reply."""
        return link_to(self.guild_id, self.source_id, self.linked_id or self.message_id)

    def linking(self, reply: Reply | None) -> Self:
        """Return the alert with a link to the reply, if a command brought the clips."""
        if reply is None or not self.by_command:
            return self
        return replace(self, linked_id=reply.message_id)
