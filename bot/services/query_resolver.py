"""From the words of a query to concepts of the index: their names, synonyms and kinds."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

from bot.domain.query import MAX_TERMS, Field, MatchKind, ResolvedClause, TermMatch
from bot.domain.search import normalize
from bot.domain.term_names import join_names, names_of, phrases
from bot.domain.text_lines import letters
from bot.errors import TooManyWords
from bot.services.lexicon import load_lexicon

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from bot.domain.lexicon import Lexicon
    from bot.domain.query import Clause, Term
    from bot.domain.search import IndexedConcept
    from bot.storage.concepts import ConceptStore

_MAX_CONCEPTS = 60
"""Concepts of one term; the nearest ones count."""


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
        names = {term: list(names_of(term, lexicon, broader=broader)) for term in terms}
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

    async def _joined(self, clauses: Sequence[Clause], lexicon: Lexicon) -> tuple[Clause, ...]:
        """Return the clauses with adjacent words as one term if they are a name together."""
        possible = phrases(clauses)
        known = await self._concepts.named(possible)
        return join_names(clauses, {*known, *filter(lexicon.knows, possible)})
