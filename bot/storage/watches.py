"""Watches: tags that moderators of a server are alerted to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import delete, func, select, text, update

from bot.domain.alerts import MAX_WATCHES, Watch
from bot.storage.tables import posted_clips, watches

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Select
    from sqlalchemy.ext.asyncio import AsyncConnection

    from bot.storage.database import Database

_columns = watches.c
# Watches are added one after the other, so that two never take the last free place.
_LOCK = int.from_bytes(b"watch", "big")


class WatchStore:
    """Watches by server, and the messages that alerts were sent about."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def load(self, guild_id: int) -> tuple[Watch, ...]:
        """Return a server's watches in alphabetical order."""
        async with self._database.reading() as connection:
            rows = await connection.execute(_of(guild_id))
            return tuple(Watch(row.tag, row.channel_id, row.threshold) for row in rows)

    async def add(self, guild_id: int, watch: Watch) -> bool:
        """Add a watch, replacing one of the same tag; return False if the server has too many."""
        others = _columns.guild_id == guild_id, _columns.normalized != watch.normalized
        async with self._database.writing() as connection:
            await self._lock(connection)
            count = await connection.scalar(select(func.count(_columns.tag)).where(*others))
            if (count or 0) >= MAX_WATCHES:
                return False
            await _remove(connection, guild_id, watch.normalized)
            await connection.execute(watches.insert().values(_row(guild_id, watch)))
        return True

    async def remove(self, guild_id: int, normalized: str) -> bool:
        """Remove the watch of a normalized tag; return whether there was one."""
        async with self._database.writing() as connection:
            return await _remove(connection, guild_id, normalized)

    async def replace(self, guild_id: int, new: Sequence[Watch]) -> None:
        """Replace all watches of a server; the last of each tag counts, up to the limit."""
        kept = list({watch.normalized: watch for watch in new}.values())[:MAX_WATCHES]
        async with self._database.writing() as connection:
            await self._lock(connection)
            await connection.execute(delete(watches).where(_columns.guild_id == guild_id))
            if kept:
                rows = [_row(guild_id, watch) for watch in kept]
                await connection.execute(watches.insert(), rows)

    async def forget_channel(self, channel_id: int) -> None:
        """Delete the watches of a deleted channel."""
        async with self._database.writing() as connection:
            await connection.execute(delete(watches).where(_columns.channel_id == channel_id))

    async def forget_guild(self, guild_id: int) -> None:
        """Delete the watches of a server that removed the bot."""
        await self.replace(guild_id, ())

    async def is_alerted(self, message_id: int) -> bool:
        """Return whether moderators were alerted to a message."""
        clips = posted_clips.c
        query = select(clips.alerted).where(clips.message_id == message_id, clips.alerted)
        async with self._database.reading() as connection:
            return (await connection.execute(query.limit(1))).first() is not None

    async def save_alerted(self, message_id: int) -> None:
        """Record that moderators were alerted to a message."""
        ours = update(posted_clips).where(posted_clips.c.message_id == message_id)
        async with self._database.writing() as connection:
            await connection.execute(ours.values(alerted=True))

    async def _lock(self, connection: AsyncConnection) -> None:
        if self._database.is_postgresql:
            await connection.execute(text(f"SELECT pg_advisory_xact_lock({_LOCK})"))


def _of(guild_id: int) -> Select[Any]:
    chosen = select(_columns.tag, _columns.channel_id, _columns.threshold)
    return chosen.where(_columns.guild_id == guild_id).order_by(_columns.normalized)


def _row(guild_id: int, watch: Watch) -> dict[str, Any]:
    return {
        "guild_id": guild_id,
        "normalized": watch.normalized,
        "tag": watch.tag,
        "channel_id": watch.channel_id,
        "threshold": watch.threshold,
    }


async def _remove(connection: AsyncConnection, guild_id: int, normalized: str) -> bool:
    which = _columns.guild_id == guild_id, _columns.normalized == normalized
    return bool((await connection.execute(delete(watches).where(*which))).rowcount)
