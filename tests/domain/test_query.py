"""Reading queries: operators, quotes, four languages, and text that nobody meant as a query."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.query import Clause, Field, Query, Term, parse

_WORDS = st.text("abcdefgxyzäéñß", min_size=3, max_size=8)
_OPERATORS = ('"', "“", "«", "-", "or", "o", "text:", "by:", "in:", "after:", "before:", ":", " ")


def _all(*words: str) -> tuple[Clause, ...]:
    return tuple(Clause((Term(word),)) for word in words)


@pytest.mark.parametrize(
    ("text", "clauses"),
    [
        ("cat piano", _all("cat", "piano")),
        ("cat, piano", _all("cat", "piano")),
        ("t-shirt 12:30", _all("t-shirt", "12:30")),
        ('"victory  royale"', (Clause((Term("victory royale", exact=True),)),)),
        ("„kein Ton“ «pas de son»", tuple(
            Clause((Term(words, exact=True),)) for words in ("kein Ton", "pas de son")
        )),
        ('-dog -"a b"', (
            Clause((Term("dog"),), excluded=True), Clause((Term("a b", exact=True),), excluded=True)
        )),
        ("cat or dog piano", (Clause((Term("cat"), Term("dog"))), *_all("piano"))),
        ("cat OR dog or cow", (Clause((Term("cat"), Term("dog"), Term("cow"))),)),
        ("cat or -dog", (*_all("cat"), Clause((Term("dog"),), excluded=True))),
        ("or", _all("or")),
        ("or noir", _all("or", "noir")),
        ("cat or", _all("cat", "or")),
        ("text: victory", (Clause((Term("victory", field=Field.TEXT),)),)),
        ('TEXT:"a b"', (Clause((Term("a b", exact=True, field=Field.TEXT),)),)),
        ("-said:wait", (Clause((Term("wait", field=Field.SAID),), excluded=True),)),
        ("game:fortnite", (Clause((Term("fortnite", field=Field.GAME),)),)),
        ("tag:cat", (Clause((Term("cat", exact=True, field=Field.TAG),)),)),
        ('stray "quote here', _all("stray", "quote", "here")),
        ('-text:"x', (Clause((Term("x", field=Field.TEXT),), excluded=True),)),
        ("http://x.y foo:bar text:", _all("http://x.y", "foo:bar", "text")),
        ('"" - : «»', ()),
    ],
)  # fmt: skip
def test_words_and_operators_are_read(text: str, clauses: tuple[Clause, ...]) -> None:
    assert parse(text).clauses == clauses


@pytest.mark.parametrize(
    "text",
    [
        "text:x or y by:ben in:#clips after:2026-11-01 before:2026-11-24",
        "Text:x oder y von:ben in:#clips nach:1.11.2026 vor:24.11.2026",
        "texte:x ou y par:ben dans:#clips après:01/11/2026 avant:24/11/2026",
        "texto:x o y por:ben en:#clips después:1/11/2026 antes:24/11/2026",
        "TEXTO:x o y por:ben en:#clips despue\u0301s:2026-11 antes:2026-11-24",
    ],
)
def test_a_query_reads_the_same_in_four_languages(text: str) -> None:
    assert parse(text) == Query(
        (Clause((Term("x", field=Field.TEXT), Term("y"))),),
        author="ben",
        channel="#clips",
        since=datetime(2026, 11, 1, tzinfo=UTC),
        until=datetime(2026, 11, 24, tzinfo=UTC),
    )


def test_what_is_no_date_is_kept_for_the_answer() -> None:
    query = parse("cat after:soon before:2026-13-45")
    assert (query.since, query.until, query.unreadable) == (None, None, ("soon", "2026-13-45"))


@given(st.text(max_size=150))
def test_any_text_is_a_query(text: str) -> None:
    for clause in parse(text).clauses:
        assert clause.terms
        assert all(term.words.strip() for term in clause.terms)


@given(st.lists(st.one_of(_WORDS, st.sampled_from(_OPERATORS)), max_size=12))
def test_no_word_is_lost_between_stray_operators(parts: list[str]) -> None:
    query = parse(" ".join(parts))
    filters = (query.author, query.channel, *query.unreadable)
    read = " ".join([*(t.words for c in query.clauses for t in c.terms), *map(str, filters)])
    repeated = any(parts.count(name) > 1 for name in ("by:", "in:", "after:", "before:"))
    assert repeated or all(word in read for word in parts if word not in _OPERATORS)


@given(st.lists(_WORDS, min_size=1, max_size=6))
def test_plain_words_are_clauses_in_their_order(words: list[str]) -> None:
    assert parse("  ".join(words)).clauses == _all(*words)
    assert parse(" or ".join(words)).clauses == (Clause(tuple(map(Term, words))),)
    assert parse(f'"{" ".join(words)}"').clauses == (Clause((Term(" ".join(words), exact=True),)),)
