"""Which names the words of a query mean."""

from __future__ import annotations

import pytest

from bot.domain.query import MatchKind, parse
from bot.domain.term_names import join_names, names_of, phrases
from bot.services.lexicon import load_lexicon

NAMES = {"polar bear", "hot dog stand", "dog stand"}


@pytest.mark.parametrize(
    ("query", "terms"),
    [
        ("polar bear", ["polar bear"]),
        ("a Polar BEAR swims", ["a", "Polar BEAR", "swims"]),
        ("hot dog stand", ["hot dog stand"]),
        ("polar -bear", ["polar", "bear"]),
        ("polar or bear", ["polar", "bear"]),
        ('polar "bear"', ["polar", "bear"]),
        ("polar text:bear", ["polar", "bear"]),
        ("polar", ["polar"]),
    ],
)
def test_adjacent_words_that_are_a_name_are_one_term(query: str, terms: list[str]) -> None:
    clauses = parse(query).clauses
    joined = join_names(clauses, NAMES)
    assert [term.words for clause in joined for term in clause.terms] == terms
    assert len(phrases(clauses)) <= 3 * len(clauses)


def test_names_are_yielded_the_nearest_first() -> None:
    (clause,) = parse("Cats").clauses
    names = dict(reversed(list(names_of(clause.terms[0], load_lexicon()))))
    assert names["cats"] is names["cat"] is MatchKind.TAG
    assert names["katze"] is names["siamese"] is MatchKind.SYNONYM


@pytest.mark.parametrize(
    ("query", "count"), [('"cat"', 1), ("tag:cat", 1), ("game:cat", 1), ("text:cat", 0)]
)
def test_exact_words_and_texts_have_no_synonyms(query: str, count: int) -> None:
    (clause,) = parse(query).clauses
    assert len(list(names_of(clause.terms[0], load_lexicon()))) == count
