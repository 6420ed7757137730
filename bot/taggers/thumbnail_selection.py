"""Choosing the moments of a clip to show as thumbnails: those where tags change most."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from bot.domain.tagging import MAX_THUMBNAILS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from bot.domain.concepts import Concept

# A change of score worth a thumbnail. A tag that comes or goes changes by its whole score.
_MIN_CHANGE = 0.3
_MIN_THUMBNAILS = 8  # even if nothing changes
_SECONDS_EACH = 3  # of a longer clip, on average: stills are most of what is kept of it


class ThumbnailSelector:
    """Takes the concepts of one picture after the other, and chooses among the pictures."""

    def __init__(self) -> None:
        self._changes: list[float] = []
        self._before: dict[str, float] = {}

    def add(self, concepts: Iterable[Concept]) -> None:
        """Add the concepts of the next picture."""
        now = {each.name: each.score for each in concepts}
        self._changes.append(_change(self._before, now))
        self._before = now

    def chosen(self) -> list[int]:
        """Return the positions of the chosen pictures, in order; the first is always among them."""
        return _choose(self._changes)


def _change(before: Mapping[str, float], now: Mapping[str, float]) -> float:
    """Return the largest change of any score."""
    return max((abs(now.get(n, 0) - before.get(n, 0)) for n in {*before, *now}), default=0.0)


def _choose(changes: Sequence[float]) -> list[int]:
    """Choose the first position and those with a large change; else the middles of wide gaps.

    If too many change, it is the largest change in each of as many equal parts.
    """
    most = min(MAX_THUMBNAILS, max(_MIN_THUMBNAILS, len(changes) // _SECONDS_EACH))
    changed = [place for place in range(1, len(changes)) if changes[place] >= _MIN_CHANGE]
    if len(changed) >= most:
        return [0, *_largest(changes, most)]
    chosen = sorted({*range(min(1, len(changes))), *changed})
    while 0 < len(chosen) < min(_MIN_THUMBNAILS, len(changes)):
        ends = [*chosen[1:], len(changes)]
        start, end = max(zip(chosen, ends, strict=True), key=lambda gap: gap[1] - gap[0])
        chosen = sorted([*chosen, (start + end) // 2])
    return chosen


def _largest(changes: Sequence[float], parts: int) -> list[int]:
    """Return the positions of the largest change in each of the parts after the first."""
    edges = [len(changes) * part // parts for part in range(1, parts + 1)]
    return [max(range(*edge), key=changes.__getitem__) for edge in pairwise(edges)]
