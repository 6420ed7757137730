"""Posted clips: where, by whom and when a clip was posted; and deleting that again."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from sqlalchemy import ColumnElement, and_, delete, func, or_, select

from bot.storage.database import batched
from bot.storage.retention import is_expired
from bot.storage.tables import posted_clips, taggings

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sqlalchemy.ext.asyncio import AsyncConnection

    from bot.storage.database import Database

_columns = posted_clips.c


@dataclass(frozen=True, slots=True)
class PostedClip:
    """A clip in a message; ``guild_id`` is None in private channels.

    In a thread, which may be ``private``, ``parent_id`` is the channel of the thread. The clip is
    number ``position`` (from 1) of the ``clips`` in its message.
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


class PostedClipStore:
    """Posted clips; every ``forget_`` method returns the IDs of the messages it deleted.

    The tagging of a clip is deleted with it, unless the same clip is posted elsewhere.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, clips: Sequence[PostedClip]) -> list[PostedClip]:
        """Store posted clips; return those that are new."""
        if not clips:
            return []
        insert = self._database.insert(posted_clips).values([asdict(clip) for clip in clips])
        new = insert.on_conflict_do_nothing().returning(_columns.message_id, _columns.fingerprint)
        async with self._database.writing() as connection:
            added = {tuple(row) for row in await connection.execute(new)}
        return [clip for clip in clips if (clip.message_id, clip.fingerprint) in added]

    async def count(self, author_id: int) -> int:
        """Return the number of clips that a person posted."""
        query = select(func.count()).select_from(posted_clips)
        async with self._database.reading() as connection:
            return int(await connection.scalar(query.where(_columns.author_id == author_id)) or 0)

    async def messages_by(self, author_id: int) -> frozenset[int]:
        """Return the messages with clips of a person."""
        query = select(_columns.message_id).where(_columns.author_id == author_id)
        async with self._database.reading() as connection:
            return frozenset(await connection.scalars(query))

    async def forget(self, clips: Iterable[PostedClip]) -> None:
        """Delete single clips, but not the other clips of their messages."""
        for clip in clips:
            here = _columns.message_id == clip.message_id
            await self._forget(and_(here, _columns.fingerprint == clip.fingerprint))

    async def forget_messages(self, message_ids: Iterable[int]) -> frozenset[int]:
        """Delete the clips of deleted messages; most have none, which costs one read."""
        among = _columns.message_id.in_(sorted(message_ids))
        async with self._database.reading() as connection:
            known = await connection.scalar(select(_columns.message_id).where(among).limit(1))
        return frozenset() if known is None else await self._forget(among)

    async def forget_channel(self, channel_id: int) -> frozenset[int]:
        """Delete the clips of a deleted channel and of its threads."""
        inside = or_(_columns.channel_id == channel_id, _columns.parent_id == channel_id)
        return await self._forget(inside)

    async def forget_guild(self, guild_id: int) -> frozenset[int]:
        """Delete the clips of a server that removed the bot."""
        return await self._forget(_columns.guild_id == guild_id)

    async def forget_author(self, author_id: int) -> frozenset[int]:
        """Delete the clips of a person who asked for it."""
        return await self._forget(_columns.author_id == author_id)

    async def purge(self, max_days: int) -> int:
        """Delete what is older than its server's retention or ``max_days``; return the count."""
        columns = _columns.guild_id, _columns.posted_at
        forgotten = await self._forget(await is_expired(self._database, *columns, max_days))
        async with self._database.writing() as connection:
            aged = taggings.c.created_at < datetime.now(UTC) - timedelta(days=max_days)
            gone = (await connection.execute(delete(taggings).where(aged))).rowcount
        return len(forgotten) + gone

    async def _forget(self, which: ColumnElement[bool]) -> frozenset[int]:
        statement = delete(posted_clips).where(which)
        returning = statement.returning(_columns.message_id, _columns.fingerprint)
        async with self._database.writing() as connection:
            gone = (await connection.execute(returning)).all()
            await _forget_orphans(connection, {row.fingerprint for row in gone})
        return frozenset(row.message_id for row in gone)


async def _forget_orphans(connection: AsyncConnection, fingerprints: set[str]) -> None:
    """Delete taggings of clips that are no longer posted anywhere."""
    still_posted = select(_columns.fingerprint).where(
        _columns.fingerprint == taggings.c.fingerprint
    )
    for some in batched(sorted(fingerprints)):
        orphaned = and_(taggings.c.fingerprint.in_(some), ~still_posted.exists())
        await connection.execute(delete(taggings).where(orphaned))
