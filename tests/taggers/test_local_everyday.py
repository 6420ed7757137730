from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.taggers.everyday import TABLE, load_everyday

EVERYDAY = load_everyday()
ROWS = [line.split("\t")[1:] for line in TABLE.read_text("utf-8").splitlines()]
ABSTRACT = {"whole", "artifact", "instrumentality", "entity", "object", "device", "organism"}


@st.composite
def shares(draw: st.DrawFn) -> dict[int, float]:
    """A few classes that share the whole, as a softmax gives them."""
    chosen = draw(st.lists(st.integers(0, 999), min_size=1, max_size=8, unique=True))
    weights = [draw(st.floats(0.01, 1)) for _ in chosen]
    return {n: weight / sum(weights) for n, weight in zip(chosen, weights, strict=True)}


def names(by_class: dict[int, float]) -> dict[str, float]:
    scores = np.zeros(1000, np.float32)
    for number, score in by_class.items():
        scores[number] = score
    return {concept.name: concept.score for concept in EVERYDAY.concepts(scores)}


def classes_of(name: str) -> list[int]:
    return [number for number, row in enumerate(ROWS) if name in row]


def test_every_class_of_the_model_has_a_name_people_say() -> None:
    assert len(ROWS) == 1000
    for row in ROWS:
        assert row
        assert not ABSTRACT & set(row)
        assert all(name == name.strip().lower() and name.lstrip("~?") for name in row)
        assert len(set(row)) == len(row) <= 3


@given(shares())
def test_scores_are_probabilities_best_first(by_class: dict[int, float]) -> None:
    scores = list(names(by_class).values())
    assert all(0 < score <= 1 for score in scores)
    assert scores == sorted(scores, reverse=True)


@given(shares())
def test_a_broader_name_is_at_least_as_sure(by_class: dict[int, float]) -> None:
    found = names(by_class)
    for number in by_class:
        told = [found[name.lstrip("~?")] for name in ROWS[number] if name.lstrip("~?") in found]
        assert told == sorted(told, reverse=True)


def test_breeds_add_up_to_the_dog() -> None:
    found = names(dict.fromkeys(classes_of("dog")[:10], 0.1))
    assert found["dog"] == found["animal"] == pytest.approx(1)
    assert set(found) == {"dog", "animal"}


def test_a_breed_is_named_when_nearly_certain() -> None:
    (retriever,) = classes_of("~golden retriever")
    assert "golden retriever" in names({retriever: 0.85})
    assert "golden retriever" not in names({retriever: 0.75})


def test_what_models_say_of_anything_needs_certainty_too() -> None:
    (menu,) = classes_of("?menu")
    assert names({menu: 0.7}) == {}
    assert "menu" in names({menu: 0.9})


@pytest.mark.parametrize(
    ("synset_name", "broad"), [("coffee mug", "kitchenware"), ("laptop", "computer")]
)
def test_things_stand_below_what_people_call_them(synset_name: str, broad: str) -> None:
    number = classes_of(synset_name)[0]
    assert broad in names({number: 0.9})


def test_what_is_unlike_anything_has_no_name_above_a_half() -> None:
    assert all(score < 0.5 for score in names(dict.fromkeys(range(1000), 0.001)).values())


def test_a_frame_has_at_most_twenty_names() -> None:
    assert len(names(dict.fromkeys(range(0, 1000, 25), 0.025))) == 20
