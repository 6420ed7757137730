"""Answers of models, which may be anything."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.concepts import Concept
from bot.taggers.failures import CallFailed, Kind
from bot.taggers.vision.response import MAX_DESCRIPTION_LENGTH, MAX_TAGS, Truncated, read_answer
from tests.stand_ins.vision import seen
from tests.stand_ins.vision_judge import completion

CAT = {"pictures": [{"picture": 1, "tags": [{"name": "cat", "score": 0.9}]}]}
SEEN = {0: (Concept("cat", 0.9),)}


def read(answer: object, pictures: int = 1) -> dict[int, tuple[Concept, ...]]:
    text = answer if isinstance(answer, str) else json.dumps(answer)
    return dict(read_answer(completion(text), pictures).concepts)


def tags(*given: object) -> list[tuple[str, float]]:
    found = read({"pictures": [{"picture": 1, "tags": list(given)}]})[0]
    return [(each.name, each.score) for each in found]


@pytest.mark.parametrize(
    "around",
    [
        "{}",
        "```json\n{}\n```",
        "Sure! Here it is:\n{}\nAnything else?",
        '<think>The {{cat}} is {{"pictures": 1}}.</think>{}',
        "\ufeff {}",
    ],
)
def test_prose_and_fences_around_an_answer_are_skipped(around: str) -> None:
    assert read(around.format(json.dumps(CAT))) == SEEN


def test_numbers_of_pictures_are_checked() -> None:
    entries = [{"picture": each, "tags": [{"name": "cat", "score": 0.9}]} for each in (2, 2, 3, 0)]
    assert list(read({"pictures": entries}, 2)) == [1]
    unnumbered = [{"tags": []}, {"tags": [{"name": "cat", "score": 0.9}]}]
    assert read({"pictures": unnumbered}, 2) == {0: (), 1: SEEN[0]}
    with pytest.raises(CallFailed, match="names no picture"):
        read({"pictures": unnumbered}, 3)
    with pytest.raises(CallFailed, match="names no picture"):
        read({"pictures": [{"picture": True, "tags": []}, {"picture": 1, "tags": "cat"}, 5]})


def test_names_are_cleaned_and_scores_bounded() -> None:
    assert tags(
        {"name": " Golden_Retriever. ", "score": 0.5},
        {"name": "#golden   retriever", "score": 0.7},
        {"name": "ÉTÉ", "score": 95},
        {"name": "too sure", "score": 101},
        {"name": "unsure", "score": -0.1},
        {"name": "no number", "score": float("nan")},
        {"name": "endless", "score": float("inf")},
        {"name": "text", "score": "0.9"},
        {"name": "yes", "score": True},
        {"name": "", "score": 1},
        {"name": "***", "score": 1},
        {"name": "bell\a", "score": 1},
        {"name": "half \ud800", "score": 1},
        {"name": "turned \u202e around", "score": 1},
        {"name": "x" * 41, "score": 1},
        {"name": "x" * 1_000_000, "score": 1},
        {"name": 5, "score": 1},
        {"score": 1},
        "cat",
    ) == [("été", 0.95), ("golden retriever", 0.7)]
    many = [{"name": f"tag {each}", "score": 0.5} for each in range(1000)]
    assert len(tags(*many)) == MAX_TAGS


@pytest.mark.parametrize(
    ("description", "kept"),
    [
        (" A cat\n\nsleeps.\a ", "A cat sleeps."),
        ("", None),
        (None, None),
        (["A cat."], None),
        ("word " * 100, f"{'word ' * 58}word…"),
        ("x" * 1_000_000, f"{'x' * 299}…"),
    ],
)
def test_a_description_is_one_line_of_limited_length(description: object, kept: object) -> None:
    answer = read_answer(completion(json.dumps({**CAT, "description": description})), 1)
    assert answer.description == kept
    assert len(answer.description or "") <= MAX_DESCRIPTION_LENGTH


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"", Kind.GARBLED),
        (b"[]", Kind.GARBLED),
        (b"[" * 100_000, Kind.GARBLED),
        (b'{"choices": []}', Kind.GARBLED),
        (b'{"choices": [{"message": "hi"}]}', Kind.GARBLED),
        (b'{"choices": [{"message": {"content": [1]}}]}', Kind.UNUSABLE),
        (completion(" \n"), Kind.UNUSABLE),
        (completion(None), Kind.UNUSABLE),
        (completion("{" * 500_000), Kind.UNUSABLE),
        (completion('{"pictures": ' * 100_000), Kind.UNUSABLE),
        (completion('{"tags": []}'), Kind.UNUSABLE),
        (completion('{"pictures": []}'), Kind.UNUSABLE),
        (completion("A cat."), Kind.DECLINED),
        (completion(None, refusal="No."), Kind.DECLINED),
        (completion(json.dumps(CAT), "content_filter"), Kind.DECLINED),
    ],
)
def test_an_answer_of_another_form_is_invalid(content: bytes, kind: Kind) -> None:
    with pytest.raises(CallFailed) as caught:
        read_answer(content, 1)
    assert caught.value.kind is kind


@pytest.mark.parametrize("text", ["", "Let me think", '{"pictures": [{"pict'])
def test_an_answer_that_was_cut_off_is_recognized(text: str) -> None:
    with pytest.raises(Truncated):
        read_answer(completion(text, "length"), 1)
    assert read_answer(completion(json.dumps(CAT), "length"), 1).concepts == SEEN


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)
TAG = st.fixed_dictionaries({}, optional={"name": JSON, "score": JSON})
PICTURE = st.fixed_dictionaries(
    {}, optional={"picture": st.integers(-1, 5) | JSON, "tags": st.lists(TAG) | JSON}
)


@given(
    st.fixed_dictionaries({"pictures": st.lists(PICTURE | JSON)}, optional={"description": JSON})
)
def test_no_answer_breaks_the_rules(answer: dict[str, Any]) -> None:
    try:
        found = read_answer(completion(json.dumps(answer)), 3)
    except CallFailed:
        return
    assert set(found.concepts) <= {0, 1, 2}
    for concepts in found.concepts.values():
        assert all(0 <= each.score <= 1 and each.name.isprintable() for each in concepts)
        assert len({each.name for each in concepts}) == len(concepts)


def test_what_the_stand_in_sees_is_read_as_it_is() -> None:
    assert read(seen([{"cat": 0.9}])) == SEEN
