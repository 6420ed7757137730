"""Finding words in the lines that were read on a screen, also if one letter was read wrong.

All texts here are what ``letters`` leaves of a line. A word with one letter off has one of its
halves unchanged, so only what is around that half is compared: patterns would take seconds if
somebody made a clip and a query that are nearly the same all over.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bot.domain.text_lines import letters

if TYPE_CHECKING:
    from collections.abc import Iterable

    from bot.domain.query import TermMatch
    from bot.domain.text_lines import TextLine

_MAX_PLACES = 20
"""Places of a line in which half of a word is; a line of a single letter has a hundred."""


def find_lines(lines: Iterable[TextLine], term: TermMatch) -> tuple[TextLine, ...]:
    """Return the lines that have a term; with one letter off only if none has it."""
    if not term.text:
        return ()
    read = [(line, letters(line.text)) for line in lines]
    found = tuple(line for line, text in read if term.text in text)
    if found or not term.allows_typo:
        return found
    return tuple(line for line, text in read if nearly_contains(text, term.text))


def nearly_contains(line: str, word: str) -> bool:
    """Return whether a line has a word with at most one letter replaced, missing or added."""
    middle = len(word) // 2
    return _goes_on(line, word[:middle], word[middle:]) or _goes_on(
        line[::-1], word[middle:][::-1], word[:middle][::-1]
    )


def _goes_on(line: str, start: str, rest: str) -> bool:
    """Return whether a line has the start of a word, and nearly the rest of it after that."""
    place = line.find(start)
    for _ in range(_MAX_PLACES):
        if place < 0:
            return False
        end = place + len(start)
        if _begins_nearly(line[end : end + len(rest) + 1], rest):
            return True
        place = line.find(start, place + 1)
    return False


def _begins_nearly(text: str, word: str) -> bool:
    different = (at for at, both in enumerate(zip(text, word, strict=False)) if both[0] != both[1])
    same = next(different, min(len(text), len(word)))
    text, word = text[same:], word[same:]
    replaced, missing = text[1:].startswith(word[1:]), text.startswith(word[1:])
    return not word or replaced or missing or text[1:].startswith(word)
