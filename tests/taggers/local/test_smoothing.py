from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.concepts import Concept, Frame
from bot.taggers.local.smoothing import similarity, smooth

CAT = {"animal": 0.98, "cat": 0.95}
STREET = {"vehicle": 0.9, "car": 0.85, "person": 0.7}

scores = st.dictionaries(st.sampled_from(["cat", "dog", "car", "person"]), st.floats(0, 1))


def frames(*seconds: dict[str, float]) -> list[Frame]:
    return [
        Frame(second * 1000, tuple(Concept(name, score) for name, score in shown.items()))
        for second, shown in enumerate(seconds)
    ]


def smoothed(*seconds: dict[str, float]) -> list[dict[str, float]]:
    return [
        {concept.name: concept.score for concept in frame.concepts}
        for frame in smooth(frames(*seconds))
    ]


def test_a_mistake_of_one_second_is_smoothed_away() -> None:
    found = smoothed(CAT, {**CAT, "kite": 0.55}, CAT)
    assert found[1]["kite"] < 0.5 < found[1]["cat"]


def test_weak_concepts_of_a_whole_scene_are_strengthened() -> None:
    found = smoothed(CAT, {"animal": 0.9, "cat": 0.45}, CAT)
    assert found[1]["cat"] > 0.5


def test_scores_are_not_smoothed_across_a_cut() -> None:
    assert smoothed(CAT, STREET, CAT) == [CAT, STREET, CAT]


def test_a_neighbours_weight_is_its_similarity() -> None:
    # the similarity is a half, so the neighbour weighs 0.25 and the second itself 1
    found = smoothed({"cat": 0.6}, {"cat": 0.6, "kite": 0.6})
    assert found[1]["kite"] == pytest.approx(0.6 / 1.25, abs=1e-4)


def test_no_frame_gains_a_concept() -> None:
    assert set(smoothed(CAT, {"animal": 0.98}, CAT)[1]) == {"animal"}


def test_a_very_low_score_is_not_raised() -> None:
    assert smoothed(CAT, {"animal": 0.98, "cat": 0.2}, CAT)[1]["cat"] == 0.2


def test_frames_keep_their_times_and_sort_their_concepts_again() -> None:
    given_frames = frames(CAT, {"cat": 0.91, "animal": 0.9}, CAT)
    found = smooth(given_frames)
    assert [frame.time for frame in found] == [0, 1000, 2000]
    assert [concept.name for concept in found[1].concepts] == ["animal", "cat"]


@pytest.mark.parametrize("seconds", [[], [{}], [CAT]])
def test_a_single_frame_is_unchanged(seconds: list[dict[str, float]]) -> None:
    assert smoothed(*seconds) == seconds


def test_similarity_is_between_0_and_1() -> None:
    one, other, nothing = frames(CAT, STREET, {})
    assert (similarity(one, one), similarity(one, other), similarity(nothing, nothing)) == (1, 0, 0)


@given(st.lists(scores, max_size=6))
def test_scores_stay_between_those_of_a_second_and_its_neighbours(
    seconds: list[dict[str, float]],
) -> None:
    for position, found in enumerate(smoothed(*seconds)):
        assert found.keys() == seconds[position].keys()
        near = seconds[max(0, position - 1) : position + 2]
        for name, score in found.items():
            there = [shown.get(name, 0.0) for shown in near]
            assert min(there) - 1e-4 <= score <= max(there) + 1e-4
