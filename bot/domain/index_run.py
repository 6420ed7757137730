"""Index runs: tagging what was posted in a server before the bot came, without replies."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

from bot.domain.timeline import count_seconds

if TYPE_CHECKING:
    from bot.domain.job import Job, Reply

MAX_MESSAGES = 10_000
"""Messages of one run, the newest ones; a later run finds what is left."""


class IndexState(StrEnum):
    """The state of an index run."""

    PRICED = "priced"
    """Its price is known; nobody has started it yet."""
    RUNNING = "running"
    STOPPED = "stopped"
    """Somebody stopped it."""
    OUT_OF_BUDGET = "out_of_budget"
    """The server had no frames left."""
    FINISHED = "finished"


@dataclass(frozen=True, slots=True)
class FoundMessage:
    """A message with clips, as Discord describes them.

    ``length`` is how long its clips are together, in milliseconds, without the ``unmeasured`` clips
    whose length Discord doesn't know. ``author_id`` is None if no person posted it.
    """

    channel_id: int
    message_id: int
    author_id: int | None
    clips: int
    length: int = 0
    unmeasured: int = 0


@dataclass(frozen=True, slots=True)
class HistoricJob:
    """The job of an old message, and the people who posted its clips or what it forwards."""

    job: Job
    people: frozenset[int]


class CountsFrames(Protocol):
    """A tagger, as far as its price is concerned."""

    @property
    def longest(self) -> int:
        """The longest clip accepted, in milliseconds."""

    def count_frames(self, duration: int) -> int:
        """Return how many frames are billed for a clip of ``duration`` milliseconds."""


@dataclass(frozen=True, slots=True)
class IndexPrice:
    """What an index run costs: clips, length in milliseconds, and frames to be billed at most.

    Frames of the ``unmeasured`` clips are missing. ``complete`` is false if there are more messages
    than one run takes.
    """

    messages: int = 0
    clips: int = 0
    length: int = 0
    unmeasured: int = 0
    complete: bool = True

    def frames(self, tagger: CountsFrames, *, models: int = 1) -> int:
        """Return how many frames are billed for the clips at most, with this number of models."""
        most = self.clips * tagger.count_frames(tagger.longest)
        return models * min(count_seconds(self.length), most)


@dataclass(frozen=True, slots=True)
class IndexRun:
    """An index run: how many clips it has in all, and what became of them so far.

    ``shown`` is the message with its progress, if there is one. ``started_by`` is the person who
    began it, None if it was the operator.
    """

    id: int
    guild_id: int
    started_by: int | None
    state: IndexState
    clips: int
    tagged: int = 0
    refused: int = 0
    shown: Reply | None = None

    @property
    def part(self) -> float:
        """The part of the clips that is done, 0-1."""
        return min(1.0, (self.tagged + self.refused) / self.clips) if self.clips else 1.0
