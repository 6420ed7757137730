"""What is older than it may get: than its server wants, or than the operator allows."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import and_, or_, select

from bot.storage.tables import retentions

if TYPE_CHECKING:
    from sqlalchemy import Column, ColumnElement

    from bot.storage.database import Database


async def is_expired(
    database: Database, guild_id: Column[Any], since: Column[Any], max_days: int
) -> ColumnElement[bool]:
    """Return which rows of a table, told by its two columns, are older than they may get."""
    now = datetime.now(UTC)
    query = select(retentions.c.guild_id, retentions.c.days)
    async with database.reading() as connection:
        wanted = (await connection.execute(query)).all()
    old = [since < now - timedelta(days=max_days)]
    for guild, days in wanted:
        old.append(and_(guild_id == guild, since < now - timedelta(days=days)))
    return or_(*old)
