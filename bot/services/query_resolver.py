"""From the words of a query to concepts of the index: their names, synonyms and kinds."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

from bot.domain.lexicon import singulars
from bot.domain.query import (
    MAX_TERMS,
    Clause,
    Field,
    MatchKind,
    ResolvedClause,
    Term,
    TermMatch,
)
from bot.domain.search import normalize
from bot.domain.text_lines import letters
from bot.errors import TooManyWords
from bot.services.lexicon import load_lexicon

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from bot.domain.lexicon import Lexicon
    from bot.domain.search import IndexedConcept
    from bot.storage.concepts import ConceptStore

_MAX_CONCEPTS = 60
"""Concepts of one term; the nearest ones count."""
_MAX_WORDS = 4
"""Words of a tag's name that may be written without quotes."""


class QueryResolver:
    """Finds out what each term of a query may match."""

    def __init__(self, concepts: ConceptStore) -> None:
        self._concepts = concepts

    async def resolve(
        self, clauses: Sequence[Clause], hidden: Collection[str] = (), *, broader: bool = False
    ) -> tuple[ResolvedClause, ...]:
        """Return the clauses with what they may match, except for a server's ``hidden`` tags.

        With ``broader``, words also match what they are a kind of: a puppy is a dog. Raises
        ``TooManyWords``.
        """
        lexicon = await asyncio.to_thread(load_lexicon)
        joined = await self._joined(clauses, lexicon)
        terms = [term for clause in joined for term in clause.terms]
        if len(terms) > MAX_TERMS:
            raise TooManyWords(count=str(MAX_TERMS))
        names = {term: list(_names(term, lexicon, broader=broader)) for term in terms}
        wanted = {name for found in names.values() for name, _ in found}
        known = await self._concepts.named(wanted - {normalize(name) for name in hidden})
        matches = {term: await self._match(term, names[term], known) for term in terms}
        return tuple(
            ResolvedClause(tuple(matches[term] for term in clause.terms), clause.excluded)
            for clause in joined
        )

    async def _match(
        self,
        term: Term,
        names: Sequence[tuple[str, MatchKind]],
        known: Mapping[str, IndexedConcept],
    ) -> TermMatch:
        kinds: dict[int, MatchKind] = {}
        for name, kind in names:
            if name in known and len(kinds) < _MAX_CONCEPTS:
                kinds.setdefault(known[name].number, kind)
        if term.field is Field.GAME:
            games = await self._concepts.games(term.words)
            kinds = {game.number: MatchKind.TAG for game in games}
        concepts = tuple(kinds.items())
        if term.field is Field.TAG:
            return TermMatch(replace(term, field=Field.ANY), concepts)
        return TermMatch(term, concepts, letters(term.words))

    async def _joined(self, clauses: Sequence[Clause], lexicon: Lexicon) -> list[Clause]:
        """Return the clauses with adjacent words as one term where they are a name together."""
        phrases = {
            normalize(phrase)
            for start in range(len(clauses))
            for size in range(2, _MAX_WORDS + 1)
            if (phrase := _phrase(clauses[start : start + size], size))
        }
        known = {*await self._concepts.named(phrases), *filter(lexicon.knows, phrases)}
        joined: list[Clause] = []
        start = 0
        while start < len(clauses):
            size = _longest(clauses[start:], known)
            words = _phrase(clauses[start : start + size], size)
            joined.append(Clause((Term(words),)) if size > 1 else clauses[start])
            start += size
        return joined


def _longest(clauses: Sequence[Clause], known: Collection[str]) -> int:
    """Return how many of the first words are a name together; 1 if none are."""
    sizes = range(_MAX_WORDS, 1, -1)
    return next((n for n in sizes if normalize(_phrase(clauses[:n], n)) in known), 1)


def _phrase(clauses: Sequence[Clause], size: int) -> str:
    """Return plain words as one text; empty if there are fewer, or something else among them."""
    words = [clause.terms[0].words for clause in clauses if _is_plain(clause)]
    return " ".join(words) if len(words) == size == len(clauses) else ""


def _is_plain(clause: Clause) -> bool:
    (first, *others) = clause.terms
    return not others and not clause.excluded and first == replace(Term(""), words=first.words)


def _names(term: Term, lexicon: Lexicon, *, broader: bool) -> Iterator[tuple[str, MatchKind]]:
    """Yield the normalized names that a term may match, the nearest first."""
    own = normalize(term.words)
    if term.field not in {Field.ANY, Field.TAG} or not own:
        return
    yield own, MatchKind.TAG
    if term.exact:
        return
    for name in (*singulars(own), f"{own}s"):
        yield name, MatchKind.TAG
    for name in (*lexicon.synonyms(own), *lexicon.kinds(own)):
        yield name, MatchKind.SYNONYM
    for name in lexicon.broader(own) if broader else ():
        yield name, MatchKind.SYNONYM
