"""Which names of tags the words of a query mean."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from bot.domain.lexicon import singulars
from bot.domain.query import Clause, Field, MatchKind, Term
from bot.domain.search import normalize

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from bot.domain.lexicon import Lexicon

_MAX_WORDS = 4
"""Words of a tag's name that may be written without quotes."""


def names_of(
    term: Term, lexicon: Lexicon, *, broader: bool = False
) -> Iterator[tuple[str, MatchKind]]:
    """Yield the normalized names that a term may mean, the nearest first; some come twice.

    With ``broader``, there are also those of what it is a kind of.
    """
    own = normalize(term.words)
    if term.field not in {Field.ANY, Field.TAG, Field.GAME} or not own:
        return
    yield own, MatchKind.TAG
    if term.exact or term.field is Field.GAME:
        return
    for name in (*singulars(own), f"{own}s"):
        yield name, MatchKind.TAG
    for name in (*lexicon.synonyms(own), *lexicon.kinds(own)):
        yield name, MatchKind.SYNONYM
    for name in lexicon.broader(own) if broader else ():
        yield name, MatchKind.SYNONYM


def phrases(clauses: Sequence[Clause]) -> set[str]:
    """Return adjacent words of a query as normalized texts: each of them may be one name."""
    parts = (
        clauses[start : start + size]
        for start in range(len(clauses))
        for size in range(2, _MAX_WORDS + 1)
        if start + size <= len(clauses)
    )
    return {normalize(words) for part in parts if (words := _phrase(part))}


def join_names(clauses: Sequence[Clause], names: Collection[str]) -> tuple[Clause, ...]:
    """Return a query's clauses with adjacent words as one term if they are one of ``names``."""
    joined: list[Clause] = []
    start = 0
    while start < len(clauses):
        part = _longest(clauses[start:], names)
        joined.append(Clause((Term(_phrase(part)),)) if len(part) > 1 else part[0])
        start += len(part)
    return tuple(joined)


def _longest(clauses: Sequence[Clause], names: Collection[str]) -> Sequence[Clause]:
    """Return the first clauses that are a name together, or only the first one."""
    parts = (clauses[:size] for size in range(_MAX_WORDS, 1, -1))
    return next((part for part in parts if normalize(_phrase(part)) in names), clauses[:1])


def _phrase(clauses: Sequence[Clause]) -> str:
    """Return plain words as one text; empty if there is something else among them."""
    words = [clause.terms[0].words for clause in clauses if _is_plain(clause)]
    return " ".join(words) if len(words) == len(clauses) else ""


def _is_plain(clause: Clause) -> bool:
    first, *others = clause.terms
    return not others and not clause.excluded and first == replace(Term(""), words=first.words)
