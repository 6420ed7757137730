"""The concepts of the search index, by name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import select

from bot.domain.search import IndexedConcept, normalize
from bot.storage.database import batched
from bot.storage.tables import posted_clips, search_concepts

if TYPE_CHECKING:
    from collections.abc import Collection

    from bot.storage.database import Database

_columns = search_concepts.c
_MAX_GAMES = 50


class ConceptStore:
    """Concepts that some clip has or had."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def named(self, names: Collection[str]) -> dict[str, IndexedConcept]:
        """Return the concepts with normalized names, by these."""
        found: dict[str, IndexedConcept] = {}
        async with self._database.reading() as connection:
            for some in batched(sorted(names)):
                query = select(search_concepts).where(_columns.normalized.in_(some))
                for row in await connection.execute(query):
                    found[row.normalized] = IndexedConcept(row.id, row.name)
        return found

    async def games(self, words: str) -> list[IndexedConcept]:
        """Return games with some words in their name."""
        query = (
            select(_columns.id, _columns.name)
            .where(
                _columns.normalized.contains(normalize(words), autoescape=True),
                select(posted_clips.c.game).where(posted_clips.c.game == _columns.id).exists(),
            )
            .order_by(_columns.id)
            .limit(_MAX_GAMES)
        )
        async with self._database.reading() as connection:
            return [IndexedConcept(row.id, row.name) for row in await connection.execute(query)]
