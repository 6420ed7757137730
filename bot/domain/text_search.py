"""Finding words in the lines that were read on a screen, also if one letter was read wrong."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING

from bot.domain.text_lines import letters

if TYPE_CHECKING:
    from collections.abc import Iterable

    from bot.domain.query import TermMatch
    from bot.domain.text_lines import TextLine


def find_lines(lines: Iterable[TextLine], term: TermMatch) -> tuple[TextLine, ...]:
    """Return the lines that have a term; with one letter off only if none has it."""
    if not term.text:
        return ()
    read = [(line, letters(line.text)) for line in lines]
    found = tuple(line for line, text in read if term.text in text)
    if found or not term.allows_typo:
        return found
    nearly = one_letter_off(term.text)
    return tuple(line for line, text in read if nearly.search(text))


@lru_cache(maxsize=1000)
def one_letter_off(word: str) -> re.Pattern[str]:
    """Return a pattern that finds a word with one letter replaced, missing or added."""
    parts = [(re.escape(word[:at]), re.escape(word[at + 1 :])) for at in range(len(word))]
    replaced = (f"{before}.{after}" for before, after in parts)
    missing = (before + after for before, after in parts)
    added = (re.escape(word[:at]) + "." + re.escape(word[at:]) for at in range(1, len(word)))
    return re.compile("|".join((*replaced, *missing, *added)))
