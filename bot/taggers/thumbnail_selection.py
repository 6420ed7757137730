"""The moments of a clip that are worth a still: those where most changes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bot.domain.tagging import MAX_THUMBNAILS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from bot.domain.concepts import Concept

# How much must change to be worth a still: a tag coming or going changes its whole score.
_NOTABLE = 0.3
_MIN = 8  # what a strip is made of although nothing changes


class ThumbnailSelector:
    """Takes what is seen in one picture after the other, and chooses among them."""

    def __init__(self) -> None:
        self._changes: list[float] = []
        self._before: dict[str, float] = {}

    def add(self, concepts: Iterable[Concept]) -> None:
        """Take what is seen in the next picture."""
        now = {each.name: each.score for each in concepts}
        self._changes.append(_change(self._before, now))
        self._before = now

    def chosen(self) -> list[int]:
        """Return the places of those where most changes, the first always, in order."""
        return _choose(self._changes)


def _change(before: Mapping[str, float], now: Mapping[str, float]) -> float:
    """Return the largest change of a score."""
    return max((abs(now.get(n, 0) - before.get(n, 0)) for n in {*before, *now}), default=0.0)


def _choose(changes: Sequence[float]) -> list[int]:
    """Choose places: the first, the largest notable changes, else the middles of what is left."""
    later = sorted(range(1, len(changes)), key=lambda place: -changes[place])
    notable = [place for place in later if changes[place] >= _NOTABLE]
    chosen = sorted({*range(min(1, len(changes))), *notable[: MAX_THUMBNAILS - 1]})
    while 0 < len(chosen) < min(_MIN, len(changes)):
        ends = [*chosen[1:], len(changes)]
        start, end = max(zip(chosen, ends, strict=True), key=lambda gap: gap[1] - gap[0])
        chosen = sorted([*chosen, (start + end) // 2])
    return chosen
