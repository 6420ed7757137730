from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.concepts import Concept, Frame
from bot.domain.timeline import count_seconds
from bot.errors import FramehoundError, TaggerError
from bot.taggers.clarifai.response import read_frames, read_model
from bot.taggers.clarifai.status import error_for
from bot.taggers.failures import CallFailed, Kind
from tests.stand_ins.clarifai_replies import RECORDED

OK = {"code": 10000}
CAT = {"name": "cat", "value": 0.99}
BEER = (RECORDED / "video_beer_2017.json").read_bytes()


def answer_with(*frames: object) -> bytes:
    output = {"status": OK, "data": {"frames": list(frames)}}
    return json.dumps({"status": OK, "outputs": [output]}).encode()


def frame(info: object, *concepts: object) -> dict[str, Any]:
    return {"frame_info": info, "data": {"concepts": list(concepts or [CAT])}}


def concepts_of(*concepts: object) -> tuple[Concept, ...]:
    (only,) = read_frames(200, answer_with(frame({"time": 0}, CAT, *concepts)), 1000)
    return only.concepts[1:]


def kind_of_failure(content: bytes, http: int = 200) -> Kind:
    with pytest.raises(CallFailed) as caught:
        read_frames(http, content, 10_000)
    return caught.value.kind


@pytest.mark.parametrize(
    ("info", "time"),
    [
        ({"index": 2, "time": 2000}, 2000),
        ({"index": 2, "time": "2500"}, 2500),
        ({"index": 2}, 2000),
        ({"index": "3"}, 3000),
        ({"index": 3, "time": None}, 3000),
        ({}, 1000),
        (None, 1000),
        ({"time": 0}, 0),
        ({"time": "0"}, 0),
    ],
)
def test_a_missing_time_follows_from_index_or_position(info: object, time: int) -> None:
    first = frame({"time": 0}, {"name": "first", "value": 0.5})
    frames = read_frames(200, answer_with(first, frame(info)), 10_000)

    assert [f.time for f in frames if f.concepts[0].name == "cat"] == [time]


def test_a_frame_without_frame_info_is_numbered_by_position() -> None:
    bare = {"data": {"concepts": [CAT]}}

    assert [f.time for f in read_frames(200, answer_with(bare, bare), 10_000)] == [0, 1000]


def test_times_in_the_middle_of_half_seconds_fall_into_their_seconds() -> None:
    excerpt = json.loads((RECORDED / "video_2023_sample500_excerpt.json").read_text())
    frames = read_frames(200, answer_with(*excerpt["frames"]), 9000)

    assert [(f.time, f.second, f.concepts[0].name) for f in frames] == [
        (250, 0, "glass"),
        (750, 0, "beer"),
    ]


@pytest.mark.parametrize("name", ["video_bytes_one_frame_2019.json", "predictVideo_response.json"])
def test_a_recorded_answer_with_one_frame_is_parsed(name: str) -> None:
    frames = read_frames(200, (RECORDED / name).read_bytes(), 40)

    assert [f.time for f in frames] == [0]


@pytest.mark.parametrize(
    ("duration", "seconds"), [(1, 1), (999, 1), (1000, 1), (1001, 2), (3000, 3), (3001, 4), (0, 1)]
)
def test_no_frame_is_past_the_end_of_the_clip(duration: int, seconds: int) -> None:
    content = answer_with(*(frame({"index": n, "time": n * 1000}) for n in range(6)))

    assert [f.second for f in read_frames(200, content, duration)] == [0, 1, 2, 3][:seconds]


def test_frames_come_in_order_of_time() -> None:
    content = answer_with(frame({"time": 2000}), frame({"time": 0}), frame({"time": 1000}))

    assert [f.time for f in read_frames(200, content, 3000)] == [0, 1000, 2000]


@pytest.mark.parametrize(
    "concept",
    [
        {"name": "x", "value": math.nan},
        {"name": "x", "value": math.inf},
        {"name": "x", "value": -0.01},
        {"name": "x", "value": 1.01},
        {"name": "x", "value": 10**400},
        {"name": "x", "value": "0.5"},
        {"name": "x", "value": True},
        {"name": "x", "value": None},
        {"name": "x"},
        {"value": 0.5},
        {"name": "", "value": 0.5},
        {"name": " \t\n", "value": 0.5},
        {"name": "x" * 101, "value": 0.5},
        {"name": "a\x00b", "value": 0.5},
        {"name": "half \ud800", "value": 0.5},
        {"name": 7, "value": 0.5},
        "x",
        None,
        [],
    ],
)
def test_an_unusable_concept_is_dropped_and_the_others_are_kept(concept: object) -> None:
    assert concepts_of(concept) == ()


def test_names_are_trimmed_and_scores_are_exact() -> None:
    seen = concepts_of(
        {"name": "  hot \n dog ", "value": 0.94170487},
        {"name": "x" * 100, "value": 0},
        {"name": "crème brûlée", "value": 0.5},
    )

    assert seen == (
        Concept("hot dog", 0.94170487),
        Concept("crème brûlée", 0.5),
        Concept("x" * 100, 0.0),
    )


def test_a_repeated_name_counts_once_with_its_best_score() -> None:
    dogs = [{"name": "dog", "value": value} for value in (0.3, 0.8, 0.5)]

    assert concepts_of(*dogs) == (Concept("dog", 0.8),)


def test_a_frame_without_concepts_is_kept() -> None:
    empty = {"frame_info": {"time": 1000}, "data": {}}

    assert read_frames(200, answer_with(frame({"time": 0}), empty), 2000)[1] == Frame(1000, ())


@pytest.mark.parametrize(
    "content",
    [
        answer_with(frame({"time": -1})),
        answer_with(frame({"time": 1.5})),
        answer_with(frame({"time": "soon"})),
        answer_with(frame({"time": "9" * 30})),
        answer_with(frame({"time": True})),
        answer_with(frame({"index": []})),
        answer_with(frame("0")),
        answer_with("frame"),
        answer_with(None),
        answer_with({"frame_info": {}, "data": []}),
        answer_with({"frame_info": {}, "data": {"concepts": {}}}),
        answer_with(frame({"time": 0}, {"name": "cat", "value": 99})),
        json.dumps({"status": OK, "outputs": [{"status": OK, "data": {"frames": {}}}]}).encode(),
        json.dumps({"status": OK, "outputs": [{"status": OK, "data": "x"}]}).encode(),
    ],
)
def test_an_answer_of_another_form_is_invalid(content: bytes) -> None:
    assert kind_of_failure(content) is Kind.UNEXPECTED


@pytest.mark.parametrize(
    "content",
    [answer_with(), answer_with(frame({"time": 10**30})), answer_with(frame({"time": 10_000}))],
)
def test_an_answer_without_a_frame_in_the_clip_is_empty(content: bytes) -> None:
    assert kind_of_failure(content) is Kind.EMPTY


@pytest.mark.parametrize(
    "body",
    [
        {"outputs": [{"status": OK, "data": {"frames": [frame({})]}}]},
        {"status": {}, "outputs": [{"status": OK, "data": {"frames": [frame({})]}}]},
        {"status": OK, "outputs": [{"data": {"frames": [frame({})]}}]},
        {"status": {"code": 10010}, "outputs": [{"status": OK, "data": {"frames": [frame({})]}}]},
        {"status": {"code": True}, "outputs": [{"status": OK, "data": {"frames": [frame({})]}}]},
    ],
)
def test_frames_are_ignored_unless_all_three_statuses_are_success(body: object) -> None:
    assert kind_of_failure(json.dumps(body).encode()) is Kind.UNKNOWN


def test_a_code_may_come_as_a_number_in_quotes_or_a_name() -> None:
    for code in ("10000", "SUCCESS"):
        status = {"code": code}
        output = {"status": status, "data": {"frames": [frame({})]}}
        body = json.dumps({"status": status, "outputs": [output]}).encode()
        assert len(read_frames(200, body, 1000)) == 1


def test_a_model_without_an_id_is_an_invalid_answer() -> None:
    with pytest.raises(CallFailed) as caught:
        read_model(200, json.dumps({"status": OK, "model": {"id": 5}}).encode())

    assert caught.value.kind is Kind.UNEXPECTED


scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(["10000", "SUCCESS", "CONN_THROTTLED", 10000, 30002, 11005, 10**25, "\ud800"])
)
keys = st.sampled_from(
    [
        "status",
        "code",
        "outputs",
        "data",
        "frames",
        "frame_info",
        "index",
        "time",
        "concepts",
        "name",
        "value",
        "details",
    ]
)
garbage = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=5),
    max_leaves=12,
)


def assert_frames_or_an_expected_error(http: int, content: bytes, duration: int) -> None:
    try:
        frames = read_frames(http, content, duration)
    except CallFailed as failure:
        error = error_for(failure)
        assert isinstance(error, FramehoundError)
        assert isinstance(error, TaggerError)
        return
    assert frames
    assert [f.time for f in frames] == sorted(f.time for f in frames)
    for seen in frames:
        assert 0 <= seen.second < count_seconds(duration)
        assert all(0 <= c.score <= 1 and c.name.encode() for c in seen.concepts)


@given(st.sampled_from([200, 400, 429, 503]), garbage, st.integers(0, 600_000))
def test_parsing_any_json_gives_frames_or_an_expected_error(
    http: int, body: object, duration: int
) -> None:
    assert_frames_or_an_expected_error(http, json.dumps(body).encode(), duration)


@given(st.lists(garbage, max_size=4), garbage, garbage, st.integers(0, 600_000))
def test_parsing_any_success_gives_frames_or_an_expected_error(
    frames: list[object], info: object, concept: object, duration: int
) -> None:
    content = answer_with(*frames, frame({"time": 0}), frame(info), frame({"index": 1}, concept))
    assert_frames_or_an_expected_error(200, content, duration)


@given(st.integers(0, len(BEER) - 1), st.integers(0, 30), st.binary(max_size=10))
def test_parsing_a_damaged_answer_gives_frames_or_an_expected_error(
    at: int, cut: int, new: bytes
) -> None:
    assert_frames_or_an_expected_error(200, BEER[:at] + new + BEER[at + cut :], 9000)
