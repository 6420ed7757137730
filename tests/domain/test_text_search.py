"""Words in the lines on a screen, with one letter off."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from bot.domain.query import Term, TermMatch
from bot.domain.text_lines import TextLine
from bot.domain.text_search import find_lines, nearly_contains

LINES = (TextLine("VICTORY ROYALE", 3, 5, 0.9), TextLine("victary", 0, 1, 0.9))


def term(word: str, *, exact: bool = False) -> TermMatch:
    return TermMatch(Term(word, exact), text=word)


def test_a_typo_counts_only_if_nothing_else_is_found() -> None:
    assert find_lines(LINES, term("victory")) == LINES[:1]
    assert find_lines(LINES, term("victury")) == LINES
    assert find_lines(LINES, term("victury", exact=True)) == ()
    assert find_lines(LINES, term("vict")) == LINES
    assert find_lines(LINES, term("")) == ()


@given(st.text("ab", min_size=4, max_size=8), st.text("abc", max_size=14))
def test_one_letter_may_be_replaced_missing_or_added(word: str, line: str) -> None:
    places = range(len(word))
    patterns = [
        *(word[:at] + "." + word[at + 1 :] for at in places),
        *(word[:at] + word[at + 1 :] for at in places),
        *(word[:at] + "." + word[at:] for at in places),
    ]
    expected = any(re.search(pattern, line) for pattern in patterns)
    assert nearly_contains(line, word) is expected
