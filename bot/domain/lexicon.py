"""Synonyms, kinds and translations of nouns, so that other words than a tag's name find it."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from bot.domain.search import normalize

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_MAX_KINDS = 400
"""Names of narrower things; an animal has thousands."""
_MAX_LEVELS, _MAX_BROAD = 2, 250
"""How far up names may stand in for a word, and how many groups may be below them.

A puppy is a dog, too; but somebody who looks for it is not helped with any animal.
"""

# Endings of plurals in English, German, French and Spanish, and those of the singular. Accents are
# gone, so that Häuser is hauser.
_PLURALS = (
    ("", ""), ("s", ""), ("es", ""), ("ies", "y"), ("ves", "f"), ("e", ""), ("n", ""), ("en", ""),
    ("er", ""), ("x", ""), ("aux", "al"), ("ces", "z"),
)  # fmt: skip
_MIN_SINGULAR = 3


class Lexicon:
    """Groups of words that name one thing, and which of them are broader."""

    def __init__(self, lines: Iterable[str]) -> None:
        """Read groups as ``scripts/make_lexicon.py`` writes them."""
        rows = [line.rstrip("\n").partition("\t") for line in lines]
        self._words = [tuple(words.split("|")) for _, _, words in rows]
        self._broader = [tuple(map(int, above.split(","))) if above else () for above, _, _ in rows]
        self._narrower: dict[int, list[int]] = defaultdict(list)
        self._groups: dict[str, list[int]] = defaultdict(list)
        for number, words in enumerate(self._words):
            for above in self._broader[number]:
                self._narrower[above].append(number)
            for word in words:
                self._groups[word].append(number)

    def knows(self, name: str) -> bool:
        """Return whether a word, or its singular, is in a group."""
        return bool(self._found(name))

    def synonyms(self, name: str) -> list[str]:
        """Return other words for the same thing, in any language."""
        return self._names(self._found(name))

    def kinds(self, name: str) -> list[str]:
        """Return the names of what is a kind of it, the broadest first."""
        return self._names(self._below(self._found(name)))[:_MAX_KINDS]

    def broader(self, name: str) -> list[str]:
        """Return the names of what it is a kind of, the nearest first."""
        level, found = self._found(name), list[int]()
        for _ in range(_MAX_LEVELS):
            level = [above for number in level for above in self._broader[number]]
            found += [each for each in level if len(self._below([each], _MAX_BROAD)) < _MAX_BROAD]
        return self._names(found)

    def _found(self, name: str) -> list[int]:
        """Return the groups of a word, or of its singular."""
        forms = (self._groups.get(form) for form in singulars(name))
        return next((groups for groups in forms if groups), [])

    def _below(self, groups: list[int], most: int = _MAX_KINDS) -> list[int]:
        """Return the groups below others, one level after another, about as many as ``most``."""
        seen, level, found = set(groups), groups, list[int]()
        while level and len(found) < most:
            level = sorted({below for each in level for below in self._narrower[each]} - seen)
            seen.update(level)
            found += level
        return found

    def _names(self, groups: Iterable[int]) -> list[str]:
        return list(dict.fromkeys(word for number in groups for word in self._words[number]))


def singulars(name: str) -> Iterator[str]:
    """Yield a normalized name, and what may be its singular."""
    word = normalize(name)
    for plural, singular in _PLURALS:
        form = word.removesuffix(plural) + singular
        if not plural or (word.endswith(plural) and len(form) >= _MIN_SINGULAR):
            yield form
