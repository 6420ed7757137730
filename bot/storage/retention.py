"""Retention: how long rows are kept, by the setting of their server and the operator's limit."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import and_, or_, select

from bot.storage.tables import guild_settings

if TYPE_CHECKING:
    from sqlalchemy import Column, ColumnElement

    from bot.storage.database import Database

_SET = guild_settings.c.name == "retention_days"


async def is_expired(
    database: Database, guild_id: Column[Any], since: Column[Any], max_days: int
) -> ColumnElement[bool]:
    """Return the condition that a row, given by two columns, is older than it may get.

    It has one term for each number of days that servers have chosen, however many servers chose it:
    SQLite takes at most 1,000 terms.
    """
    now = datetime.now(UTC)
    value = guild_settings.c.value
    async with database.reading() as connection:
        chosen = (await connection.scalars(select(value).distinct().where(_SET))).all()
    expired = [since < now - timedelta(days=max_days)]
    for days in chosen:
        if days.isdecimal() and int(days) < max_days:
            servers = select(guild_settings.c.guild_id).where(_SET, value == days)
            expired.append(and_(guild_id.in_(servers), since < now - timedelta(days=int(days))))
    return or_(*expired)
