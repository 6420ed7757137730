"""Tag corrections: tags that people marked as wrong for a clip, hidden in their server."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import and_, delete, func, select

from bot.domain.search import normalize
from bot.storage import search_index
from bot.storage.database import batched
from bot.storage.tables import (
    posted_clips,
    search_concepts,
    search_scores,
    search_taggings,
    tag_corrections,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Collection

    from sqlalchemy import ColumnElement
    from sqlalchemy.ext.asyncio import AsyncConnection
    from sqlalchemy.sql.base import ColumnCollection

    from bot.storage.database import Database

_columns = tag_corrections.c
_posted = posted_clips.c
_EXPORTED_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Correction:
    """A wrong tag of a clip; ``scores`` has its highest score by tagger (``name:model``)."""

    guild_id: int
    fingerprint: str
    tag: str
    corrected_at: datetime
    scores: dict[str, float]


class TagCorrectionStore:
    """Wrong tags, by server and clip. It is not stored who marked them."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def load(
        self, guild_id: int, fingerprints: Collection[str]
    ) -> dict[str, tuple[str, ...]]:
        """Return the wrong tags of those clips in a server that have any, in alphabetical order."""
        found: defaultdict[str, tuple[str, ...]] = defaultdict(tuple)
        async with self._database.reading() as connection:
            for some in batched(sorted(fingerprints)):
                query = (
                    select(_columns.fingerprint, search_concepts.c.name)
                    .join_from(tag_corrections, search_concepts)
                    .where(_columns.guild_id == guild_id, _columns.fingerprint.in_(some))
                    .order_by(search_concepts.c.normalized)
                )
                for row in await connection.execute(query):
                    found[row.fingerprint] += (row.name,)
        return dict(found)

    async def hide(self, guild_id: int, fingerprint: str, tag: str) -> bool:
        """Hide a tag of a clip; return False if the clip is no longer posted in the server."""
        async with self._database.writing() as connection:
            posted = select(_posted.message_id).where(
                _posted.guild_id == guild_id, _posted.fingerprint == fingerprint
            )
            # The lock makes an erasure of the clip wait, so that it erases the correction, too.
            locked = posted.limit(1).with_for_update(read=True)
            if (await connection.execute(locked)).first() is None:
                return False
            row = {
                "guild_id": guild_id,
                "fingerprint": fingerprint,
                "concept": await self._number(connection, tag),
                "corrected_at": datetime.now(UTC),
            }
            insert = self._database.insert(tag_corrections).on_conflict_do_nothing()
            await connection.execute(insert, [row])
        return True

    async def show(self, guild_id: int, fingerprint: str, tag: str) -> None:
        """Show a tag of a clip again that was hidden."""
        named = select(search_concepts.c.id).where(search_concepts.c.normalized == normalize(tag))
        which = (
            _columns.guild_id == guild_id,
            _columns.fingerprint == fingerprint,
            _columns.concept.in_(named),
        )
        async with self._database.writing() as connection:
            await connection.execute(delete(tag_corrections).where(*which))

    async def count(self) -> int:
        """Return the number of corrections in all servers."""
        async with self._database.reading() as connection:
            query = select(func.count()).select_from(tag_corrections)
            return int(await connection.scalar(query) or 0)

    async def everything(self) -> AsyncIterator[Correction]:
        """Yield all corrections, the oldest first."""
        query = (
            select(tag_corrections, search_concepts.c.name)
            .join_from(tag_corrections, search_concepts)
            .order_by(_columns.corrected_at, _columns.guild_id, _columns.fingerprint)
        )
        async with self._database.reading() as connection:
            rows = (await connection.execute(query)).all()
            for start in range(0, len(rows), _EXPORTED_AT_ONCE):
                part = rows[start : start + _EXPORTED_AT_ONCE]
                scores = await _scores(connection, {row.fingerprint for row in part})
                for row in part:
                    yield Correction(
                        row.guild_id,
                        row.fingerprint,
                        row.name,
                        row.corrected_at,
                        scores[row.fingerprint, row.concept],
                    )

    async def _number(self, connection: AsyncConnection, tag: str) -> int:
        normalized = normalize(tag)
        names = {normalized: tag}
        numbers = await search_index.concept_numbers(self._database, connection, names)
        return numbers[normalized]


def is_corrected(
    concept: ColumnElement[int], clips: ColumnCollection[str, Any] = _posted
) -> ColumnElement[bool]:
    """Return the condition that a concept of a posted clip is hidden in its server."""
    hidden = select(_columns.concept).where(
        _columns.guild_id == clips.guild_id,
        _columns.fingerprint == clips.fingerprint,
        _columns.concept == concept,
    )
    return hidden.correlate_except(tag_corrections).exists()


async def erase_unposted(connection: AsyncConnection, fingerprints: Collection[str]) -> None:
    """Erase the corrections of those clips that are no longer posted in their server."""
    for some in batched(sorted(fingerprints)):
        still_posted = select(_posted.fingerprint).where(
            _posted.fingerprint == _columns.fingerprint, _posted.guild_id == _columns.guild_id
        )
        orphaned = and_(_columns.fingerprint.in_(some), ~still_posted.exists())
        await connection.execute(delete(tag_corrections).where(orphaned))


async def _scores(
    connection: AsyncConnection, fingerprints: Collection[str]
) -> defaultdict[tuple[str, int], dict[str, float]]:
    """Return the highest scores of the corrected concepts of some clips, by tagger."""
    found: defaultdict[tuple[str, int], dict[str, float]] = defaultdict(dict)
    tagging, score = search_taggings.c, search_scores.c
    for some in batched(sorted(fingerprints)):
        query = (
            select(tagging.fingerprint, tagging.tagger, tagging.model, score.concept, score.score)
            .join_from(search_taggings, search_scores, score.tagging == tagging.id)
            .where(
                tagging.fingerprint.in_(some),
                score.concept.in_(
                    select(_columns.concept).where(_columns.fingerprint == tagging.fingerprint)
                ),
            )
            .order_by(tagging.id)
        )
        for row in await connection.execute(query):
            scores = found[row.fingerprint, row.concept]
            scores[f"{row.tagger}:{row.model}"] = row.score
    return found
