from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from bot.domain.concepts import Concept
from bot.media.decode import thumbnails
from bot.taggers.local.child import ThumbnailCandidates

JPEG = thumbnails.jpeg(np.zeros((90, 160, 3), np.uint8))


def chosen(*scores: float) -> list[int]:
    """Return the seconds chosen from a clip with these scores for a cat."""
    candidates = ThumbnailCandidates()
    for second, score in enumerate(scores):
        candidates.add(second, JPEG, [Concept("cat", score)] if score else [])
    return [thumbnail.second for thumbnail in candidates.chosen()]


def test_thumbnails_are_chosen_where_tags_change_most() -> None:
    changing = [0.0] * 5 + [0.9] * 20 + [0.1] * 20 + [0.15] * 20
    found = chosen(*changing)
    assert {0, 5, 25} <= set(found)
    assert found == sorted(set(found))


def test_thumbnails_of_an_unchanging_clip_are_spread_evenly() -> None:
    assert chosen(*[0.5] * 16) == [0, 2, 4, 6, 8, 10, 12, 14]


@pytest.mark.parametrize("seconds", [0, 1, 3])
def test_a_short_clip_has_a_thumbnail_of_each_second(seconds: int) -> None:
    assert chosen(*[0.5] * seconds) == list(range(seconds))


@pytest.mark.parametrize(("seconds", "most"), [(15, 8), (60, 20), (100, 24)])
def test_the_number_of_thumbnails_is_limited(seconds: int, most: int) -> None:
    found = chosen(*(second % 2 for second in range(seconds)))
    assert len(found) == most
    assert found[0] == 0
    gaps = [later - earlier for earlier, later in pairwise([*found, seconds])]
    assert max(gaps) <= 2 * (seconds / most) + 1  # all parts of the clip have one


def test_a_part_of_a_changing_clip_shows_its_largest_change() -> None:
    changing = [second % 2 * (0.9 if second in {20, 21} else 0.5) for second in range(40)]
    assert 21 in chosen(*changing)


def test_a_rotated_picture_becomes_a_jpeg_too() -> None:
    candidates = ThumbnailCandidates()
    candidates.add(7, thumbnails.jpeg(np.rot90(np.zeros((90, 160, 3), np.uint8))), [])
    (thumbnail,) = candidates.chosen()
    assert thumbnail.second == 7
    assert thumbnail.jpeg.startswith(b"\xff\xd8\xff")
