from __future__ import annotations

from dataclasses import dataclass

from bot.domain.index_run import IndexPrice


@dataclass(frozen=True)
class Tagger:
    """A tagger that bills a frame a second, up to ``most`` frames of a clip."""

    most: int = 600
    longest: int = 600_000

    def count_frames(self, duration: int) -> int:
        return min(duration // 1000, self.most)


def test_an_index_costs_its_seconds_or_what_its_clips_cost_at_most() -> None:
    price = IndexPrice(clips=3, length=400_500)
    assert price.frames(Tagger()) == 401
    assert price.frames(Tagger(most=60)) == 180
