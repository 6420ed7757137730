from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.kind import TAGGED_KINDS
from bot.taggers.local.label_mapping import load_label_mapping
from bot.taggers.local.labels import CLASS_LABELS, KIND_LABELS, model_names

MAPPING = load_label_mapping()
ROWS = [line.split("\t")[1:] for line in CLASS_LABELS.read_text("utf-8").splitlines()]
OBJECTS = {
    line.split("\t")[0]: number for number, line in enumerate(KIND_LABELS.read_text().splitlines())
}
ABSTRACT = {"whole", "artifact", "instrumentality", "entity", "object", "device", "organism"}


@st.composite
def shares(draw: st.DrawFn) -> dict[int, float]:
    """Probabilities of a few classes that add up to 1."""
    chosen = draw(st.lists(st.integers(0, 999), min_size=1, max_size=8, unique=True))
    weights = [draw(st.floats(0.01, 1)) for _ in chosen]
    return {n: weight / sum(weights) for n, weight in zip(chosen, weights, strict=True)}


def names(by_class: dict[int, float], **by_object: float) -> dict[str, float]:
    """Return scores by name, from probabilities of classes and scores of detected objects."""
    classes, kinds = np.zeros(1000, np.float32), np.zeros(80, np.float32)
    for number, score in by_class.items():
        classes[number] = score
    for name, score in by_object.items():
        kinds[OBJECTS[name.replace("_", " ")]] = score
    return {concept.name: concept.score for concept in MAPPING.concepts(classes, kinds)}


def classes_of(name: str) -> list[int]:
    return [number for number, row in enumerate(ROWS) if name in row]


def test_every_class_and_every_object_has_everyday_names() -> None:
    objects = [line.split("\t")[2:] for line in KIND_LABELS.read_text("utf-8").splitlines()]
    assert (len(ROWS), len(objects)) == (1000, 80)
    for row in [*ROWS, *objects]:
        assert row
        assert not ABSTRACT & set(row)
        assert all(name == name.strip().lower() and name.lstrip("~?") for name in row)
        assert len(set(row)) == len(row) <= 3


def test_no_name_has_a_synonym() -> None:
    assert len(set(MAPPING.names)) == len(MAPPING.names)
    assert {*MAPPING.names, *TAGGED_KINDS} == model_names(None)
    twice = {"sports ball", "mouse", "tv", "couch", "dining table", "hair drier", "tennis racket"}
    assert not twice & set(MAPPING.names)


@given(shares(), st.dictionaries(st.sampled_from(sorted(OBJECTS)), st.floats(0, 1), max_size=4))
def test_scores_are_probabilities_best_first(
    by_class: dict[int, float], by_object: dict[str, float]
) -> None:
    scores = list(names(by_class, **by_object).values())
    assert all(0 < score <= 1 for score in scores)
    assert scores == sorted(scores, reverse=True)


@given(shares(), st.dictionaries(st.sampled_from(sorted(OBJECTS)), st.floats(0, 1), max_size=4))
def test_a_broader_name_scores_at_least_as_high(
    by_class: dict[int, float], by_object: dict[str, float]
) -> None:
    found = names(by_class, **by_object)
    for number in by_class:
        broad_to_narrow = [
            found[name.lstrip("~?")] for name in ROWS[number] if name.lstrip("~?") in found
        ]
        assert broad_to_narrow == sorted(broad_to_narrow, reverse=True)


def test_breeds_add_up_to_the_dog() -> None:
    found = names(dict.fromkeys(classes_of("dog")[:10], 0.1))
    assert found["animal"] >= found["dog"] == pytest.approx(1, abs=1e-3)
    assert set(found) == {"dog", "animal"}


def test_a_breed_is_named_when_nearly_certain() -> None:
    (retriever,) = classes_of("~golden retriever")
    assert "golden retriever" in names({retriever: 0.95})
    assert "golden retriever" not in names({retriever: 0.85})


def test_in_doubt_the_broader_name_wins() -> None:
    found = names({classes_of("hawk")[0]: 0.65, classes_of("owl")[0]: 0.3})
    assert found["animal"] > found["bird"] > 0.5 > found["hawk"]


def test_names_given_to_blank_pictures_need_certainty() -> None:
    (menu,) = classes_of("?menu")
    assert names({menu: 0.85}) == {}
    assert "menu" in names({menu: 0.95})


def test_tiny_scores_of_many_classes_do_not_add_up() -> None:
    assert names(dict.fromkeys(classes_of("animal"), 0.9 / 398)) == {}


@pytest.mark.parametrize(
    ("synset_name", "broad"), [("coffee mug", "kitchenware"), ("laptop", "computer")]
)
def test_classes_have_broader_everyday_names(synset_name: str, broad: str) -> None:
    number = classes_of(synset_name)[0]
    assert broad in names({number: 0.9})


def test_an_unknown_picture_has_no_score_above_a_half() -> None:
    assert all(score < 0.5 for score in names(dict.fromkeys(range(1000), 0.001)).values())


def test_a_frame_has_at_most_twenty_names() -> None:
    assert len(names({}, **dict.fromkeys(OBJECTS, 0.9))) == 20


def test_people_are_named_by_the_detector_alone() -> None:
    assert names({}, person=0.6)["person"] > 0.5
    assert names({}, person=0.5)["person"] < 0.5


def test_an_object_that_only_the_detector_sees_needs_a_high_score() -> None:
    assert names({}, umbrella=0.67)["umbrella"] < 0.5
    assert names({}, umbrella=0.85)["umbrella"] > 0.5


def test_two_weak_scores_add_up() -> None:
    (number,) = classes_of("umbrella")
    assert names({number: 0.3})["umbrella"] < 0.3
    assert names({}, umbrella=0.5)["umbrella"] < 0.2
    assert names({number: 0.3}, umbrella=0.5)["umbrella"] > 0.5


def test_detections_count_for_broader_names_too() -> None:
    cats = dict.fromkeys(classes_of("animal")[:30], 0.02)  # an animal, but which?
    found = names(cats, cat=0.55)
    assert found["animal"] > 0.5 > found["cat"]


def test_a_faint_detection_is_ignored() -> None:
    (number,) = classes_of("umbrella")
    assert names({number: 0.4}, umbrella=0.24) == names({number: 0.4})
