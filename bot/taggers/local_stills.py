"""Stills: the small pictures of a clip that a strip along its timeline is made of.

Imports Pillow and NumPy: for code in a sandboxed child alone.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from PIL import Image

from bot.domain.tagging import MOST_STILLS, Still
from bot.media.pictures import View

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bot.domain.concepts import Concept
    from bot.media.pictures import Picture

VIEW = View(160, whole=True)
_QUALITY = 60  # 2 to 4 KB for most pictures of that size
# How much must change to be worth a still: a tag coming or going changes its whole score.
_NOTABLE = 0.3
_FEWEST = 8  # what a strip is made of although nothing changes


class Strip:
    """Keeps a small picture of every second, a few kilobytes each, and chooses among them."""

    def __init__(self) -> None:
        self._stills: list[Still] = []
        self._changes: list[float] = []
        self._before: dict[str, float] = {}

    def add(self, second: int, picture: Picture, concepts: Sequence[Concept]) -> None:
        """Take the next second's picture and what is seen in it."""
        now = {each.name: each.score for each in concepts}
        self._changes.append(_change(self._before, now))
        self._stills.append(Still(second, _jpeg(picture)))
        self._before = now

    def chosen(self) -> list[Still]:
        """Return the stills where most changes, the first always, in order of time."""
        return [self._stills[place] for place in _choose(self._changes)]


def _jpeg(picture: Picture) -> bytes:
    written = io.BytesIO()
    Image.fromarray(picture).save(written, "JPEG", quality=_QUALITY)
    return written.getvalue()


def _change(before: Mapping[str, float], now: Mapping[str, float]) -> float:
    """Return the largest change of a score."""
    return max((abs(now.get(n, 0) - before.get(n, 0)) for n in {*before, *now}), default=0.0)


def _choose(changes: Sequence[float]) -> list[int]:
    """Choose places: the first, the largest notable changes, else the middles of what is left."""
    later = sorted(range(1, len(changes)), key=lambda place: -changes[place])
    notable = [place for place in later if changes[place] >= _NOTABLE]
    chosen = sorted({*range(min(1, len(changes))), *notable[: MOST_STILLS - 1]})
    while 0 < len(chosen) < min(_FEWEST, len(changes)):
        ends = [*chosen[1:], len(changes)]
        start, end = max(zip(chosen, ends, strict=True), key=lambda gap: gap[1] - gap[0])
        chosen = sorted([*chosen, (start + end) // 2])
    return chosen
