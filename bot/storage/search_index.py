"""Writing the search index of clips: the concepts of each tagging, with their highest scores.

A million seconds of clips (16,700 clips of a minute) make one or two million rows of a few small
numbers and a score. ``posted_index`` writes the index that searches start from.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import select

from bot.storage.database import batched
from bot.storage.tables import search_concepts, search_scores, search_taggings

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy.ext.asyncio import AsyncConnection

    from bot.domain.concepts import Concept, TaggerIdentity
    from bot.storage.database import Database


async def write(
    database: Database,
    connection: AsyncConnection,
    fingerprint: str,
    tagger: TaggerIdentity,
    scores: Mapping[str, Concept],
    seconds: Mapping[str, int],
) -> int:
    """Index a tagging in the transaction that stores it, and return its number.

    ``scores`` and ``seconds`` (as bits) are by normalized name.
    """
    tagging = await _number(connection, fingerprint, tagger)
    names = {normalized: concept.name for normalized, concept in scores.items()}
    numbers = await concept_numbers(database, connection, names)
    rows = [
        {
            "tagging": tagging,
            "concept": numbers[normalized],
            "score": concept.score,
            "seconds": seconds.get(normalized),
        }
        for normalized, concept in scores.items()
    ]
    if rows:
        await connection.execute(search_scores.insert(), rows)
    return tagging


async def _number(connection: AsyncConnection, fingerprint: str, tagger: TaggerIdentity) -> int:
    statement = search_taggings.insert().values(
        fingerprint=fingerprint,
        tagger=tagger.name,
        model=tagger.model,
        revision=tagger.revision,
        sampling=tagger.sampling,
        default_threshold=tagger.default_threshold,
    )
    inserted = await connection.execute(statement.returning(search_taggings.c.id))
    return int(inserted.scalar_one())


async def concept_numbers(
    database: Database, connection: AsyncConnection, names: Mapping[str, str]
) -> dict[str, int]:
    """Return the number of each name by its normalized form, adding those that have none.

    Most are known, so look them up first: an INSERT that conflicts with them would use up numbers.
    New ones are inserted in sorted order, so that two processes never deadlock on each other's.
    """
    numbers = await _known_numbers(connection, list(names))
    new = sorted(names.keys() - numbers.keys())
    for some in batched(new):
        rows = [
            {"normalized": normalized, "name": _storable(names[normalized])} for normalized in some
        ]
        insert = database.insert(search_concepts).values(rows)
        await connection.execute(insert.on_conflict_do_nothing())
    return numbers | await _known_numbers(connection, new)


async def _known_numbers(connection: AsyncConnection, normalized: Sequence[str]) -> dict[str, int]:
    columns = search_concepts.c
    found: dict[str, int] = {}
    for some in batched(normalized):
        query = select(columns.normalized, columns.id).where(columns.normalized.in_(some))
        found.update((row.normalized, row.id) for row in await connection.execute(query))
    return found


def _storable(name: str) -> str:
    """Return a name without characters that PostgreSQL can't store; a model may name anything."""
    return name.replace("\0", "").encode("utf-8", "ignore").decode()
