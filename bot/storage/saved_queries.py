"""Queries that people saved to be told of new clips, and how they want to be told."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import delete, func, select, text

from bot.domain.personal_alerts import MAX_SAVED_QUERIES, QuietHours, Recipient, SavedQuery
from bot.storage.database import batched
from bot.storage.tables import alert_recipients, personal_alerts, saved_queries

if TYPE_CHECKING:
    from collections.abc import Collection

    from sqlalchemy import ColumnElement, Row
    from sqlalchemy.ext.asyncio import AsyncConnection

    from bot.storage.database import Database

_columns = saved_queries.c
_people = alert_recipients.c
# Queries are added one after the other, so that two never take the last free place.
_LOCK = int.from_bytes(b"saved", "big")


class SavedQueryStore:
    """Saved queries by person and server, and the people they belong to."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def of_person(self, user_id: int) -> list[SavedQuery]:
        """Return a person's queries in all servers, the oldest first."""
        return await self._load(_columns.user_id == user_id)

    async def of_guild(self, guild_id: int) -> list[SavedQuery]:
        """Return all queries about a server's clips."""
        return await self._load(_columns.guild_id == guild_id)

    async def add(self, query: SavedQuery, language: str) -> bool:
        """Save a query, unless the person has it; return False if they have too many.

        Their alerts are switched on again, in ``language``.
        """
        mine = _columns.user_id == query.user_id
        same = mine, _columns.guild_id == query.guild_id, _columns.text == query.text
        async with self._database.writing() as connection:
            await self._lock(connection)
            if (await connection.execute(select(_columns.id).where(*same))).first() is None:
                count = await connection.scalar(select(func.count(_columns.id)).where(mine))
                if (count or 0) >= MAX_SAVED_QUERIES:
                    return False
                await connection.execute(saved_queries.insert().values(_row(query)))
            await self._save(connection, query.user_id, language=language, failures=0)
        return True

    async def remove(self, user_id: int, query_id: int) -> bool:
        """Remove a person's query and its alerts; return whether there was one."""
        return await self._remove((_columns.user_id == user_id) & (_columns.id == query_id))

    async def remove_from_guild(self, user_id: int, guild_id: int) -> None:
        """Remove a person's queries about a server that they left."""
        await self._remove((_columns.user_id == user_id) & (_columns.guild_id == guild_id))
        await self._remove_recipients()

    async def forget_guild(self, guild_id: int) -> None:
        """Remove all queries about a server, and what people without others wanted."""
        await self._remove(_columns.guild_id == guild_id)
        await self._remove_recipients()

    async def forget_channel(self, channel_id: int) -> None:
        """Remove the queries about a channel that was deleted."""
        await self._remove(_columns.channel_id == channel_id)

    async def forget_person(self, user_id: int) -> None:
        """Remove a person's queries, those about their clips alone, and what they wanted."""
        await self._remove((_columns.user_id == user_id) | (_columns.author_id == user_id))
        async with self._database.writing() as connection:
            await connection.execute(delete(alert_recipients).where(_people.user_id == user_id))

    async def recipients(self, user_ids: Collection[int]) -> dict[int, Recipient]:
        """Return those of some people that have saved queries, by their IDs."""
        found: dict[int, Recipient] = {}
        async with self._database.reading() as connection:
            for some in batched(sorted(user_ids)):
                query = select(alert_recipients).where(_people.user_id.in_(some))
                found |= {
                    row.user_id: read_recipient(row) for row in await connection.execute(query)
                }
        return found

    async def save_quiet_hours(self, user_id: int, quiet: QuietHours | None, language: str) -> None:
        """Save a person's quiet hours, or that they want none; alerts are switched on again."""
        hours = {
            "quiet_from": quiet.start if quiet else None,
            "quiet_to": quiet.end if quiet else None,
            "utc_offset": quiet.offset if quiet else 0,
        }
        changed = {"language": language, "failures": 0, "next_at": None, **hours}
        async with self._database.writing() as connection:
            await self._save(connection, user_id, **changed)

    async def _save(self, connection: AsyncConnection, user_id: int, **changed: Any) -> None:
        insert = self._database.insert(alert_recipients).values(user_id=user_id, **changed)
        statement = insert.on_conflict_do_update(index_elements=["user_id"], set_=changed)
        await connection.execute(statement)

    async def _load(self, which: ColumnElement[bool]) -> list[SavedQuery]:
        query = select(saved_queries).where(which).order_by(_columns.id)
        async with self._database.reading() as connection:
            return [SavedQuery(**row) for row in (await connection.execute(query)).mappings()]

    async def _remove(self, which: ColumnElement[bool]) -> bool:
        async with self._database.writing() as connection:
            gone = await connection.scalars(
                delete(saved_queries).where(which).returning(_columns.id)
            )
            ids = list(gone)
            for some in batched(ids):
                alerts = personal_alerts.c.query_id.in_(some)
                await connection.execute(delete(personal_alerts).where(alerts))
        return bool(ids)

    async def _remove_recipients(self) -> None:
        """Remove the people who have no queries."""
        theirs = select(_columns.id).where(_columns.user_id == _people.user_id)
        async with self._database.writing() as connection:
            await connection.execute(delete(alert_recipients).where(~theirs.exists()))

    async def _lock(self, connection: AsyncConnection) -> None:
        if self._database.is_postgresql:
            await connection.execute(text(f"SELECT pg_advisory_xact_lock({_LOCK})"))


def read_recipient(row: Row[Any]) -> Recipient:
    """Return the recipient in a row of their table."""
    quiet = None
    if row.quiet_from is not None and row.quiet_to is not None:
        quiet = QuietHours(row.quiet_from, row.quiet_to, row.utc_offset)
    return Recipient(row.user_id, row.language, quiet, row.failures)


def _row(query: SavedQuery) -> dict[str, Any]:
    return {
        "user_id": query.user_id,
        "guild_id": query.guild_id,
        "text": query.text,
        "author_id": query.author_id,
        "channel_id": query.channel_id,
    }
