from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.concepts import Concept, Frame
from bot.taggers.local.smoothing import join, likeness

CAT = {"animal": 0.98, "cat": 0.95}
STREET = {"vehicle": 0.9, "car": 0.85, "person": 0.7}

scores = st.dictionaries(st.sampled_from(["cat", "dog", "car", "person"]), st.floats(0, 1))


def frames(*seconds: dict[str, float]) -> list[Frame]:
    return [
        Frame(second * 1000, tuple(Concept(name, score) for name, score in shown.items()))
        for second, shown in enumerate(seconds)
    ]


def joined(*seconds: dict[str, float]) -> list[dict[str, float]]:
    return [
        {concept.name: concept.score for concept in frame.concepts}
        for frame in join(frames(*seconds))
    ]


def test_a_flicker_within_a_scene_loses() -> None:
    found = joined(CAT, {**CAT, "kite": 0.55}, CAT)
    assert found[1]["kite"] < 0.5 < found[1]["cat"]


def test_what_a_scene_shows_all_along_gains_where_it_is_weak() -> None:
    found = joined(CAT, {"animal": 0.9, "cat": 0.45}, CAT)
    assert found[1]["cat"] > 0.5


def test_nothing_crosses_a_cut() -> None:
    assert joined(CAT, STREET, CAT) == [CAT, STREET, CAT]


def test_a_neighbour_counts_as_far_as_it_shows_the_same() -> None:
    # half of what both show is shared, so the neighbour weighs a quarter beside the second's one
    found = joined({"cat": 0.6}, {"cat": 0.6, "kite": 0.6})
    assert found[1]["kite"] == pytest.approx(0.6 / 1.25, abs=1e-4)


def test_no_name_appears_in_a_second_that_had_none_of_it() -> None:
    assert set(joined(CAT, {"animal": 0.98}, CAT)[1]) == {"animal"}


def test_what_a_second_barely_shows_stays_low() -> None:
    assert joined(CAT, {"animal": 0.98, "cat": 0.2}, CAT)[1]["cat"] == 0.2


def test_frames_keep_their_times_and_rank_their_concepts_anew() -> None:
    given_frames = frames(CAT, {"cat": 0.91, "animal": 0.9}, CAT)
    found = join(given_frames)
    assert [frame.time for frame in found] == [0, 1000, 2000]
    assert [concept.name for concept in found[1].concepts] == ["animal", "cat"]


@pytest.mark.parametrize("seconds", [[], [{}], [CAT]])
def test_alone_a_second_stays_as_it_is(seconds: list[dict[str, float]]) -> None:
    assert joined(*seconds) == seconds


def test_likeness_is_the_share_of_what_is_shown_by_both() -> None:
    one, other, nothing = frames(CAT, STREET, {})
    assert (likeness(one, one), likeness(one, other), likeness(nothing, nothing)) == (1, 0, 0)


@given(st.lists(scores, max_size=6))
def test_scores_stay_between_those_of_a_second_and_its_neighbours(
    seconds: list[dict[str, float]],
) -> None:
    for place, found in enumerate(joined(*seconds)):
        assert found.keys() == seconds[place].keys()
        near = seconds[max(0, place - 1) : place + 2]
        for name, score in found.items():
            there = [shown.get(name, 0.0) for shown in near]
            assert min(there) - 1e-4 <= score <= max(there) + 1e-4
