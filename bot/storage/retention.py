"""How long rows are kept: for as long as their server wants, at most as the operator allows."""

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
    """Return the condition that a row, given by two columns, is older than it may get.

    It has one term for each length of time that servers have chosen, however many servers chose it:
    SQLite takes at most 1,000 terms.
    """
    now = datetime.now(UTC)
    async with database.reading() as connection:
        query = select(retentions.c.days).distinct().where(retentions.c.days < max_days)
        lengths = (await connection.scalars(query)).all()
    expired = [since < now - timedelta(days=max_days)]
    for days in lengths:
        servers = select(retentions.c.guild_id).where(retentions.c.days == days)
        expired.append(and_(guild_id.in_(servers), since < now - timedelta(days=days)))
    return or_(*expired)
