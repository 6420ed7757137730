"""What a search found, and why: the seconds of each match."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bot.domain.query import MatchKind, Order
from bot.domain.search import PAGE_SIZE
from bot.domain.tagging import SecondRange, ranges_of

if TYPE_CHECKING:
    from bot.domain.query import QueryHit
    from bot.domain.tagging import Thumbnail
    from bot.domain.timeline import Segment


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a clip was found: what matched, and when.

    ``name`` is the tag, the game, the text on the screen, the file's name or the sentence. Without
    ``segments``, all of the clip matches.
    """

    kind: MatchKind
    name: str
    segments: tuple[Segment, ...] = ()
    is_game: bool = False

    @property
    def score(self) -> float:
        """The highest score."""
        return max((segment.score for segment in self.segments), default=1.0)

    @property
    def is_tag(self) -> bool:
        """Whether a tag matched, which has a score."""
        return self.kind in {MatchKind.TAG, MatchKind.SYNONYM} and not self.is_game

    @property
    def seconds(self) -> frozenset[int]:
        """The seconds in which it matches."""
        return frozenset(s for each in self.segments for s in range(each.start, each.end))


@dataclass(frozen=True, slots=True)
class SearchResult:
    """A hit with its reasons, one for each clause, and a picture of the moment if there is one."""

    hit: QueryHit
    reasons: tuple[Reason, ...]
    still: Thumbnail | None = None

    @property
    def together(self) -> tuple[SecondRange, ...]:
        """The seconds in which all reasons hold; empty if there are none, or it is all the time."""
        timed = [reason.seconds for reason in self.reasons if reason.segments]
        return ranges_of(sorted(frozenset.intersection(*timed))) if timed else ()

    @property
    def moments(self) -> tuple[SecondRange, ...]:
        """The seconds to show: those of all reasons, or else of any."""
        seconds = {second for reason in self.reasons for second in reason.seconds}
        return self.together or ranges_of(sorted(seconds))


@dataclass(frozen=True, slots=True)
class SearchPage:
    """Page ``number`` (from 0) of the results for what was asked, the ``title``.

    ``count`` is the number of all results, or of those that were counted if there are ``more``.
    """

    title: str
    results: tuple[SearchResult, ...]
    count: int
    number: int
    more: bool = False
    order: Order = Order.NEWEST

    @property
    def pages(self) -> int:
        """The number of pages; one, which is empty, if nothing was found."""
        return max(1, -(-self.count // PAGE_SIZE))
