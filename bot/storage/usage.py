"""What taggers that cost something were paid for."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from sqlalchemy import delete, func, select, text, update

from bot.domain.budget import month_of
from bot.storage.tables import usage

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection

    from bot.domain.budget import Budget, Payer
    from bot.storage.database import Database

_GONE = "gone"
# Reservations of one month are made one after the other, so that two never share the last room.
_LOCK = int.from_bytes(b"bills", "big")


class UsageStore:
    """Frames by payer and month; the month is UTC's."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def reserve(self, payer: Payer, frames: int, budget: Budget) -> bool:
        """Set frames aside, or return False where the budget has no room for them.

        What was reserved under the same reference before, by an attempt that was cut off, counts
        once.
        """
        month = month_of(datetime.now(UTC))
        async with self._database.writing() as connection:
            if self._database.is_postgresql:
                await connection.execute(text(f"SELECT pg_advisory_xact_lock({_LOCK})"))
            await connection.execute(delete(usage).where(usage.c.reference == payer.reference))
            used = await _sum(connection, month, payer.name), await _sum(connection, month)
            room = budget.room(*used)
            if room is not None and frames > room:
                return False
            values = {"reference": payer.reference, "payer": payer.name, "month": month}
            await connection.execute(usage.insert().values(**values, frames=frames))
        return True

    async def settle(self, reference: str, frames: int) -> None:
        """Set right how many frames it came to; 0 where nothing was billed."""
        ours = usage.c.reference == reference
        statement = update(usage).where(ours).values(frames=frames) if frames else None
        async with self._database.writing() as connection:
            await connection.execute(delete(usage).where(ours) if statement is None else statement)

    async def used(self, payer: str | None = None) -> int:
        """Return this month's frames of one payer, or of all."""
        async with self._database.reading() as connection:
            return await _sum(connection, month_of(datetime.now(UTC)), payer)

    async def disown(self, payer: str) -> None:
        """Keep the figures and forget whose they were, when a server goes."""
        async with self._database.writing() as connection:
            ours = usage.c.payer == payer
            await connection.execute(update(usage).where(ours).values(payer=_GONE))

    async def purge(self) -> int:
        """Remove what was billed before this month; return how many rows."""
        past = usage.c.month < month_of(datetime.now(UTC))
        async with self._database.writing() as connection:
            return (await connection.execute(delete(usage).where(past))).rowcount


async def _sum(connection: AsyncConnection, month: str, payer: str | None = None) -> int:
    query = select(func.coalesce(func.sum(usage.c.frames), 0)).where(usage.c.month == month)
    if payer is not None:
        query = query.where(usage.c.payer == payer)
    return int(await connection.scalar(query) or 0)
