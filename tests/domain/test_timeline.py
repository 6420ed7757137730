from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.concepts import Concept, Frame
from bot.domain.search import find_segments
from bot.domain.settings import Smoothing
from bot.domain.timeline import Segment, Span, build, count_seconds

SCORES = st.floats(0, 1)
CONCEPTS = st.builds(Concept, st.sampled_from(["cat", "dog", "tree", "sea"]), SCORES)
FRAMES = st.lists(
    st.builds(Frame, st.integers(0, 12_000), st.lists(CONCEPTS, max_size=6).map(tuple)), max_size=20
)
DURATIONS = st.integers(0, 10_000)


def frame(second: int, **scores: float) -> Frame:
    return Frame(second * 1000, tuple(Concept(name, score) for name, score in scores.items()))


def test_a_tag_is_strictly_above_the_threshold() -> None:
    timeline = build([frame(0, sloth=0.94, tree=0.940001)], 1000, 0.94)
    assert [tag.name for tag in timeline.seconds[0].tags] == ["tree"]


def test_tags_are_ranked_by_score_then_name() -> None:
    timeline = build([frame(0, b=0.5, c=0.9, a=0.5)], 1000, 0.1)
    assert [tag.name for tag in timeline.seconds[0].tags] == ["c", "a", "b"]


def test_a_timeline_has_every_second_even_without_a_frame() -> None:
    timeline = build([frame(2, cat=0.9)], 3400, 0.5)
    assert [(s.second, len(s.tags)) for s in timeline.seconds] == [(0, 0), (1, 0), (2, 1), (3, 0)]


def test_a_frame_past_the_end_is_left_out() -> None:
    timeline = build([frame(5, cat=0.9), frame(6, ghost=1.0)], 5500, 0.5)
    assert {segment.tag for segment in timeline.segments} == {"cat"}
    assert timeline.best == Concept("cat", 0.9)


def test_the_highest_score_within_a_second_counts() -> None:
    frames = [Frame(250, (Concept("cat", 0.6),)), Frame(750, (Concept("cat", 0.8),))]
    assert build(frames, 1000, 0.5).segments == (Segment("cat", 0, 1, 0.8),)


def test_segments_end_where_a_tag_is_missing() -> None:
    frames = [frame(0, cat=0.6), frame(1, cat=0.9), frame(2), frame(3, cat=0.7)]
    assert build(frames, 4000, 0.5).segments == (
        Segment("cat", 0, 2, 0.9),
        Segment("cat", 3, 4, 0.7),
    )


def test_spans_join_seconds_with_the_same_tags_in_any_order() -> None:
    frames = [frame(0, a=0.9, b=0.8), frame(1, a=0.7, b=0.95), frame(2, a=0.9)]
    assert build(frames, 3000, 0.5).spans == (
        Span(0, 2, (Concept("b", 0.95), Concept("a", 0.9))),
        Span(2, 3, (Concept("a", 0.9),)),
    )


def test_best_is_the_highest_score_even_below_the_threshold() -> None:
    assert build([frame(0, cat=0.3), frame(1, dog=0.4)], 2000, 0.5).best == Concept("dog", 0.4)
    assert build([], 2000, 0.5).best is None


def test_a_started_second_counts() -> None:
    assert [count_seconds(ms) for ms in (0, 1, 1000, 1001, 5500)] == [1, 1, 1, 2, 6]


@given(FRAMES, DURATIONS, SCORES)
def test_a_timeline_has_exactly_the_tags_above_the_threshold(
    frames: list[Frame], duration: int, threshold: float
) -> None:
    expected: dict[tuple[int, str], float] = {}
    for each in frames:
        for concept in each.concepts:
            key = each.time // 1000, concept.name
            if concept.score > threshold and key[0] < count_seconds(duration):
                expected[key] = max(concept.score, expected.get(key, 0))
    seconds = build(frames, duration, threshold).seconds
    assert {(s.second, t.name): t.score for s in seconds for t in s.tags} == expected


@given(FRAMES, DURATIONS, SCORES)
def test_segments_and_spans_agree_with_the_seconds(
    frames: list[Frame], duration: int, threshold: float
) -> None:
    timeline = build(frames, duration, threshold)
    seen = {(s.second, tag.name) for s in timeline.seconds for tag in s.tags}
    by_segment = [(at, s.tag) for s in timeline.segments for at in range(s.start, s.end)]
    by_span = [(at, t.name) for s in timeline.spans for at in range(s.start, s.end) for t in s.tags]
    assert sorted(by_segment) == sorted(by_span) == sorted(seen)
    assert [at for s in timeline.spans for at in range(s.start, s.end)] == [
        s.second for s in timeline.seconds
    ]


@given(FRAMES, DURATIONS, SCORES)
def test_neighbouring_seconds_of_a_tag_are_one_segment(
    frames: list[Frame], duration: int, threshold: float
) -> None:
    segments = build(frames, duration, threshold).segments
    starts = {(segment.tag, segment.start) for segment in segments}
    assert not any((segment.tag, segment.end) in starts for segment in segments)


def test_a_dip_does_not_split_a_segment() -> None:
    frames = [frame(0, cat=0.6), frame(1, cat=0.9), frame(2, cat=0.3), frame(3, cat=0.7)]
    timeline = build(frames, 4000, 0.5, smoothing=Smoothing(gap=1))
    assert timeline.segments == (Segment("cat", 0, 4, 0.9),)
    assert timeline.spans == (Span(0, 4, (Concept("cat", 0.9),)),)
    assert timeline.seconds[2].tags == (Concept("cat", 0.3),)


@pytest.mark.parametrize("dip", [{}, {"cat": 0.25}, {"dog": 0.9}])
def test_a_second_without_the_tag_splits_a_segment(dip: dict[str, float]) -> None:
    """At or below half the threshold, the tag counts as not seen."""
    frames = [frame(0, cat=0.6), frame(1, **dip), frame(2, cat=0.7)]
    timeline = build(frames, 3000, 0.5, smoothing=Smoothing(gap=1))
    cats = [(s.start, s.end) for s in timeline.segments if s.tag == "cat"]
    assert cats == [(0, 1), (2, 3)]
    assert "cat" not in {tag.name for tag in timeline.seconds[1].tags}


def test_a_dip_longer_than_the_gap_splits_a_segment() -> None:
    frames = [frame(0, cat=0.6), frame(1, cat=0.4), frame(2, cat=0.4), frame(3, cat=0.7)]
    timeline = build(frames, 4000, 0.5, smoothing=Smoothing(gap=1))
    assert [(s.start, s.end) for s in timeline.segments] == [(0, 1), (3, 4)]


def test_a_dip_at_either_end_does_not_count() -> None:
    frames = [frame(0, cat=0.4), frame(1, cat=0.6), frame(2, cat=0.4)]
    timeline = build(frames, 3000, 0.5, smoothing=Smoothing(gap=1))
    assert timeline.segments == (Segment("cat", 1, 2, 0.6),)


def test_segments_that_are_too_short_are_left_out() -> None:
    frames = [frame(0, cat=0.6), frame(1, cat=0.6, dog=0.9), frame(3, dog=0.9)]
    timeline = build(frames, 4000, 0.5, smoothing=Smoothing(gap=0, shortest=2))
    assert timeline.segments == (Segment("cat", 0, 2, 0.6),)
    assert [len(second.tags) for second in timeline.seconds] == [1, 1, 0, 0]


def test_dips_are_bridged_before_short_segments_are_left_out() -> None:
    frames = [frame(0, cat=0.6), frame(1, cat=0.4), frame(2, cat=0.8)]
    timeline = build(frames, 3000, 0.5, smoothing=Smoothing(gap=1, shortest=3))
    assert timeline.segments == (Segment("cat", 0, 3, 0.8),)


def test_hidden_tags_are_left_out_everywhere() -> None:
    timeline = build([frame(0, Cat=0.9, dog=0.6)], 1000, 0.5, hidden=["CAT"])
    assert timeline.segments == (Segment("dog", 0, 1, 0.6),)
    assert timeline.best == Concept("dog", 0.6)


@given(FRAMES, DURATIONS, SCORES, st.integers(0, 4), st.integers(1, 4))
def test_smoothing_bridges_only_dips(
    frames: list[Frame], duration: int, threshold: float, gap: int, shortest: int
) -> None:
    raw: dict[tuple[str, int], float] = {}
    for each in frames:
        for concept in each.concepts:
            key = concept.name, each.second
            raw[key] = max(concept.score, raw.get(key, 0))
    timeline = build(frames, duration, threshold, smoothing=Smoothing(gap, shortest))
    by_segment = {(s.tag, n) for s in timeline.segments for n in range(s.start, s.end)}
    assert by_segment == {(t.name, s.second) for s in timeline.seconds for t in s.tags}
    assert all(raw.get(key, 0) > threshold / 2 for key in by_segment)
    assert all(raw[t.name, s.second] == t.score for s in timeline.seconds for t in s.tags)
    for one in timeline.segments:
        assert one.end - one.start >= shortest
        scores = [raw.get((one.tag, n), 0) > threshold for n in range(one.start, one.end)]
        assert scores[0]
        assert scores[-1]
        dips = "".join("1" if above else "0" for above in scores).split("1")
        assert max(map(len, dips)) <= gap


@given(FRAMES, DURATIONS, SCORES, st.integers(0, 4))
def test_a_search_finds_the_segments_of_the_timeline(
    frames: list[Frame], duration: int, threshold: float, gap: int
) -> None:
    """``/find`` and alerts look at one tag alone."""
    smoothing = Smoothing(gap)
    timeline = build(frames, duration, threshold, smoothing=smoothing)
    for tag in ("cat", "dog", "tree", "sea"):
        expected = tuple(s for s in timeline.segments if s.tag == tag)
        assert find_segments(frames, duration, tag, threshold, smoothing) == expected
