from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from bot.taggers.everyday import read_names, roll_up

NAMES = read_names()
ABSTRACT = {"whole", "artifact", "instrumentality", "entity", "object", "device", "organism"}


@st.composite
def probabilities(draw: st.DrawFn) -> list[float]:
    """A few classes that share the whole, as a softmax gives them."""
    chosen = draw(st.lists(st.integers(0, len(NAMES) - 1), min_size=1, max_size=8, unique=True))
    weights = [draw(st.floats(0.01, 1)) for _ in chosen]
    found = [0.0] * len(NAMES)
    for number, weight in zip(chosen, weights, strict=True):
        found[number] = weight / sum(weights)
    return found


def only(number: int, share: float = 1.0) -> list[float]:
    found = [(1 - share) / (len(NAMES) - 1)] * len(NAMES)
    found[number] = share
    return found


def test_every_class_of_the_model_has_a_name() -> None:
    assert len(NAMES) == 1000
    assert all(named.own for named in NAMES)


def test_every_class_reaches_a_name_people_say() -> None:
    """At two thirds no variety is named, so what is left are the names above, or plain ones."""
    for number in range(len(NAMES)):
        assert [name for name, score in roll_up(only(number, 0.67), NAMES) if score > 0.5]


def test_abstract_names_are_never_shown() -> None:
    assert not ABSTRACT & {name for named in NAMES for name in (named.own, *named.above)}


def test_names_are_lower_case_words_told_once_a_class() -> None:
    for named in NAMES:
        assert len({named.own, *named.above}) == 1 + len(named.above)
        assert all(name == name.strip() and name for name in (named.own, *named.above))


@given(probabilities())
def test_scores_are_probabilities_best_first(shares: list[float]) -> None:
    found = roll_up(shares, NAMES)
    scores = [round(score, 2) for _, score in found]
    assert all(0 < score <= 1 for _, score in found)
    assert scores == sorted(scores, reverse=True)
    assert len({name for name, _ in found}) == len(found) <= 20


@given(probabilities())
def test_a_broader_name_is_at_least_as_sure(shares: list[float]) -> None:
    found = dict(roll_up(shares, NAMES))
    for named in NAMES:
        if named.own in found:
            for name in named.above:
                assert name not in found or found[name] >= found[named.own] - 1e-9


def test_breeds_add_up_to_the_dog() -> None:
    dogs = [number for number, named in enumerate(NAMES) if "dog" in named.above]
    shares = [0.0] * len(NAMES)
    for number in dogs[:10]:
        shares[number] = 0.1
    found = dict(roll_up(shares, NAMES))
    assert found["dog"] == found["animal"] > 0.99
    assert not {NAMES[number].own for number in dogs} & set(found)


def test_a_breed_is_named_when_nearly_certain() -> None:
    number = next(n for n, named in enumerate(NAMES) if named.own == "golden retriever")
    assert "golden retriever" in dict(roll_up(only(number, 0.95), NAMES))
    assert "golden retriever" not in dict(roll_up(only(number, 0.85), NAMES))


def test_what_is_unlike_anything_has_no_name_above_a_half() -> None:
    assert not [name for name, score in roll_up([0.001] * 1000, NAMES) if score > 0.5]


def test_a_frame_has_at_most_twenty_names() -> None:
    shares = [0.0] * len(NAMES)
    for number in range(0, 1000, 25):
        shares[number] = 0.025
    assert len(roll_up(shares, NAMES)) == 20
