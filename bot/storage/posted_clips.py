"""Posted clips: where, by whom and when a clip was posted; and deleting that again."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from sqlalchemy import ColumnElement, and_, delete, or_, select, tuple_

from bot.domain.erasure import Channel, Guild, Messages, Person
from bot.domain.query import MatchKind
from bot.domain.search import normalize
from bot.storage import personal_alerts, posted_index, search_index, tag_corrections
from bot.storage.database import batched
from bot.storage.retention import is_expired
from bot.storage.slices import Slices
from bot.storage.tables import (
    TAGGING_KEY,
    posted_clips,
    search_taggings,
    sense_observations,
    taggings,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from sqlalchemy.ext.asyncio import AsyncConnection

    from bot.domain.erasure import Scope
    from bot.storage.database import Database

_columns = posted_clips.c


@dataclass(frozen=True, slots=True)
class PostedClip:
    """A clip in a message; ``guild_id`` is None in private channels.

    In a thread, which may be ``private``, ``parent_id`` is the channel of the thread. The clip is
    number ``position`` (from 1) of the ``clips`` in its message. ``game`` is the game that it was
    recorded in, ``name`` the name of its file.
    """

    message_id: int
    fingerprint: str
    guild_id: int | None
    channel_id: int
    author_id: int | None
    posted_at: datetime
    parent_id: int | None = None
    private: bool = False
    position: int | None = None
    clips: int | None = None
    game: str | None = None
    name: str | None = None


class PostedClipStore:
    """Posted clips. What is known about a clip is deleted with the last message that has it."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._slices = Slices()

    async def add(self, clips: Sequence[PostedClip]) -> None:
        """Store posted clips, unless they are stored already."""
        async with self._database.writing() as connection:
            await insert_posted(self._database, connection, clips)

    async def erase(self, scope: Scope) -> frozenset[int]:
        """Erase the next clips of a scope, a limited number, and return their messages.

        The result is empty at the end. Most deleted messages have no clip, which costs one read.
        """
        return await self._erase(_in_scope(scope))

    async def erase_unposted(self, fingerprints: Collection[str]) -> None:
        """Erase what is known about those clips that are not posted anywhere."""
        async with self._database.writing() as connection:
            await _erase_unposted(connection, fingerprints)

    async def known_messages(self, message_ids: Collection[int]) -> set[int]:
        """Return those of some messages that have clips here."""
        known: set[int] = set()
        async with self._database.reading() as connection:
            for some in batched(sorted(message_ids)):
                query = select(_columns.message_id).where(_columns.message_id.in_(some))
                known |= set((await connection.scalars(query)).all())
        return known

    async def posters(self, message_ids: Collection[int], fingerprint: str) -> set[int]:
        """Return the people who posted a clip in some messages."""
        query = select(_columns.author_id).where(
            _columns.message_id.in_(message_ids), _columns.fingerprint == fingerprint
        )
        async with self._database.reading() as connection:
            return {author for author in await connection.scalars(query) if author}

    async def purge(self, max_days: int) -> int:
        """Erase what is older than its server's retention or ``max_days``; return the count."""
        columns = _columns.guild_id, _columns.posted_at
        expired = await is_expired(self._database, *columns, max_days)
        erased = 0
        while part := await self._erase(expired):
            erased += len(part)
        while part_size := await self._purge_taggings(max_days):
            erased += part_size
        await self._purge_senses(max_days)
        return erased

    async def _purge_taggings(self, max_days: int) -> int:
        key = [taggings.c[name] for name in TAGGING_KEY]
        aged = taggings.c.created_at < datetime.now(UTC) - timedelta(days=max_days)
        size = self._slices.size
        part = select(*key).where(aged).limit(size)
        async with self._slices.slice(size), self._database.writing() as connection:
            keys = [search_taggings.c[name] for name in TAGGING_KEY]
            await posted_index.remove_concepts(connection, tuple_(*keys).in_(part))
            statement = delete(taggings).where(tuple_(*key).in_(part))
            return (await connection.execute(statement)).rowcount

    async def _purge_senses(self, max_days: int) -> None:
        aged = sense_observations.c.created_at < datetime.now(UTC) - timedelta(days=max_days)
        key = sense_observations.c.fingerprint, sense_observations.c.sense
        rowcount = 1
        while rowcount:
            size = self._slices.size
            part = select(*key).where(aged).limit(size)
            read = part.with_only_columns(key[0]).where(sense_observations.c.sense == "text")
            texts = _columns.fingerprint.in_(read)
            statement = delete(sense_observations).where(tuple_(*key).in_(part))
            async with self._slices.slice(size), self._database.writing() as connection:
                await posted_index.remove_texts(connection, texts, MatchKind.TEXT)
                rowcount = (await connection.execute(statement)).rowcount

    async def _erase(self, which: ColumnElement[bool]) -> frozenset[int]:
        key = _columns.message_id, _columns.fingerprint
        found = select(*key).where(which).limit(self._slices.size)
        async with self._database.reading() as connection:
            part = (await connection.execute(found)).all()
        if not part:
            return frozenset()
        messages = frozenset(row.message_id for row in part)
        among = and_(which, _columns.message_id.in_(messages))
        async with self._slices.slice(len(part)), self._database.writing() as connection:
            await posted_index.remove(connection, among)
            gone = await connection.scalars(
                delete(posted_clips).where(among).returning(_columns.fingerprint)
            )
            fingerprints = set(gone)
            await _erase_unposted(connection, fingerprints)
            await tag_corrections.erase_unposted(connection, fingerprints)
            await personal_alerts.erase_unposted(connection, messages)
        return messages


async def insert_posted(
    database: Database, connection: AsyncConnection, clips: Sequence[PostedClip]
) -> None:
    """Store posted clips in a transaction that does more than that."""
    if clips:
        names = {normalize(clip.game): clip.game for clip in clips if clip.game}
        numbers = await search_index.concept_numbers(database, connection, names)
        rows = [
            {**asdict(clip), "game": numbers.get(normalize(clip.game)) if clip.game else None}
            for clip in clips
        ]
        for row in rows:
            del row["name"]
        insert = database.insert(posted_clips).values(rows).on_conflict_do_nothing()
        key = _columns.message_id, _columns.fingerprint
        await posted_index.lock(database, connection, (clip.fingerprint for clip in clips))
        new = (await connection.execute(insert.returning(*key))).all()
        which = tuple_(*key).in_(list(map(tuple, new)))
        files = {(clip.message_id, clip.fingerprint): clip.name for clip in clips if clip.name}
        await posted_index.add_concepts(database, connection, which)
        await posted_index.add_texts(connection, which, files)


async def _erase_unposted(connection: AsyncConnection, fingerprints: Collection[str]) -> None:
    for some in batched(sorted(fingerprints)):
        for table in (taggings, sense_observations):
            own = table.c.fingerprint
            still_posted = select(_columns.fingerprint).where(_columns.fingerprint == own)
            orphaned = and_(own.in_(some), ~still_posted.exists())
            await connection.execute(delete(table).where(orphaned))


def _in_scope(scope: Scope) -> ColumnElement[bool]:
    match scope:
        case Messages(ids):
            return _columns.message_id.in_(ids)
        case Channel(channel_id):
            return or_(_columns.channel_id == channel_id, _columns.parent_id == channel_id)
        case Guild(guild_id):
            return _columns.guild_id == guild_id
        case Person(user_id):
            return _columns.author_id == user_id
