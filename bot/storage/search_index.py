"""Writing the index: which tagging has which concept, and how surely at best.

A million seconds of clips (16,700 of a minute each) make a million or two rows of two small numbers
and a score. Seconds are not among them: they are read from the taggings of the few clips shown.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from sqlalchemy import and_, select

from bot.domain.concepts import TaggerIdentity
from bot.domain.search import best_scores
from bot.storage.batched import batched
from bot.storage.frame_codec import FRAMES_FORMAT, decode
from bot.storage.tables import TAGGING_KEY, index_concepts, index_scores, index_taggings, taggings

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from sqlalchemy import Row, Select, Table
    from sqlalchemy.ext.asyncio import AsyncConnection

    from bot.domain.concepts import Concept
    from bot.storage.database import Database

# What taggers held for a good score before the index was there to remember it.
_OLD_THRESHOLDS = {"clarifai": 0.94}
_OLD_THRESHOLD = 0.5
_AT_ONCE = 50
_READ = (*TAGGING_KEY, "duration", "frames")


async def write(
    database: Database,
    connection: AsyncConnection,
    fingerprint: str,
    tagger: TaggerIdentity,
    scores: Mapping[str, Concept],
) -> None:
    """Index a tagging in the transaction that stores it; ``scores`` is by folded name."""
    tagging = await _number(connection, fingerprint, tagger)
    numbers = await _concept_numbers(database, connection, scores)
    rows = [
        {"tagging": tagging, "concept": numbers[normalized], "score": concept.score}
        for normalized, concept in scores.items()
    ]
    if rows:
        await connection.execute(index_scores.insert(), rows)


async def complete(database: Database) -> int:
    """Index taggings that a program without an index stored; return how many.

    They are done some at a time, so that others get to write in between.
    """
    done, last = 0, ""
    while rows := await _unindexed(database, last):
        scores = await asyncio.to_thread(_scores, rows)
        async with database.writing() as connection:
            for row, each in zip(rows, scores, strict=True):
                if await _is_still_there(connection, row):
                    await write(database, connection, row.fingerprint, _tagger(row), each)
        done, last = done + len(rows), rows[-1].fingerprint
    return done


def _scores(rows: Sequence[Row[Any]]) -> list[dict[str, Concept]]:
    return [best_scores(decode(row.frames), row.duration) for row in rows]


async def _number(connection: AsyncConnection, fingerprint: str, tagger: TaggerIdentity) -> int:
    statement = index_taggings.insert().values(
        fingerprint=fingerprint,
        tagger=tagger.name,
        model=tagger.model,
        revision=tagger.revision,
        sampling=tagger.sampling,
        default_threshold=tagger.default_threshold,
    )
    inserted = await connection.execute(statement.returning(index_taggings.c.id))
    return int(inserted.scalar_one())


async def _concept_numbers(
    database: Database, connection: AsyncConnection, scores: Mapping[str, Concept]
) -> dict[str, int]:
    """Return the number of each folded name, given out to those that had none.

    Most are known, so they are asked for first: an INSERT that runs into them would use up numbers.
    They are inserted in order, or two programs might wait for each other's names.
    """
    numbers = await _known_numbers(connection, list(scores))
    new = sorted(scores.keys() - numbers.keys())
    for some in batched(new):
        rows = [
            {"normalized": normalized, "name": _storable(scores[normalized].name)}
            for normalized in some
        ]
        insert = database.insert(index_concepts).values(rows)
        await connection.execute(insert.on_conflict_do_nothing())
    return numbers | await _known_numbers(connection, new)


async def _known_numbers(connection: AsyncConnection, normalized: Sequence[str]) -> dict[str, int]:
    columns = index_concepts.c
    found: dict[str, int] = {}
    for some in batched(normalized):
        query = select(columns.normalized, columns.id).where(columns.normalized.in_(some))
        found.update((row.normalized, row.id) for row in await connection.execute(query))
    return found


async def _unindexed(database: Database, last: str) -> Sequence[Row[Any]]:
    """Return taggings of some clips past the ``last`` that are not indexed, all of each clip."""
    columns = taggings.c
    clips = (
        select(columns.fingerprint)
        .distinct()
        .where(columns.fingerprint > last, ~_index_of(taggings).exists())
        .where(columns.frames_format == FRAMES_FORMAT)
        .order_by(columns.fingerprint)
        .limit(_AT_ONCE)
        .subquery()
    )
    query = (
        select(*(columns[name] for name in _READ))
        .join(clips, clips.c.fingerprint == columns.fingerprint)
        .where(columns.frames_format == FRAMES_FORMAT, ~_index_of(taggings).exists())
        .order_by(columns.fingerprint)
    )
    async with database.reading() as connection:
        return (await connection.execute(query)).all()


async def _is_still_there(connection: AsyncConnection, row: Row[Any]) -> bool:
    """Tell whether a tagging has been neither forgotten nor indexed meanwhile, and hold it."""
    same = and_(*(taggings.c[name] == getattr(row, name) for name in TAGGING_KEY))
    query = select(taggings.c.fingerprint).where(same, ~_index_of(taggings).exists())
    return (await connection.execute(query.with_for_update(read=True))).first() is not None


def _index_of(tagging: Table) -> Select[Any]:
    same = (index_taggings.c[name] == tagging.c[name] for name in TAGGING_KEY)
    return select(index_taggings.c.id).where(*same)


def _tagger(row: Row[Any]) -> TaggerIdentity:
    threshold = _OLD_THRESHOLDS.get(row.tagger, _OLD_THRESHOLD)
    return TaggerIdentity(row.tagger, row.model, threshold, row.revision, row.sampling)


def _storable(name: str) -> str:
    """Return a name without what PostgreSQL can't keep: a model might say anything."""
    return name.replace("\0", "").encode("utf-8", "ignore").decode()
