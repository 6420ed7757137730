"""Usage of paid taggers: the frames billed to each server in each month."""

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
# Reservations are serialized, so that two never take the same remaining frames.
_LOCK = int.from_bytes(b"bills", "big")


class UsageStore:
    """Frames by payer and month (UTC)."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def reserve(self, payer: Payer, frames: int, budget: Budget) -> bool:
        """Reserve frames; return False if the budget does not have that many left.

        Replaces an earlier reservation of the same reference, by an attempt that was interrupted.
        """
        month = month_of(datetime.now(UTC))
        async with self._database.writing() as connection:
            if self._database.is_postgresql:
                await connection.execute(text(f"SELECT pg_advisory_xact_lock({_LOCK})"))
            await connection.execute(delete(usage).where(usage.c.reference == payer.reference))
            used = await _sum(connection, month, payer.name), await _sum(connection, month)
            room = budget.remaining(*used)
            if room is not None and frames > room:
                return False
            values = {"reference": payer.reference, "payer": payer.name, "month": month}
            await connection.execute(usage.insert().values(**values, frames=frames))
        return True

    async def settle(self, reference: str, frames: int) -> None:
        """Replace a reservation by the frames that were really billed, perhaps 0."""
        ours = usage.c.reference == reference
        statement = update(usage).where(ours).values(frames=frames) if frames else None
        async with self._database.writing() as connection:
            await connection.execute(delete(usage).where(ours) if statement is None else statement)

    async def used(self, payer: str | None = None) -> int:
        """Return the frames of this month, of one payer or of all."""
        async with self._database.reading() as connection:
            return await _sum(connection, month_of(datetime.now(UTC)), payer)

    async def disown(self, payer: str) -> None:
        """Keep the numbers but not their payer, when a server removes the bot."""
        async with self._database.writing() as connection:
            ours = usage.c.payer == payer
            await connection.execute(update(usage).where(ours).values(payer=_GONE))

    async def purge(self) -> int:
        """Delete the usage of earlier months; return the number of rows."""
        past = usage.c.month < month_of(datetime.now(UTC))
        async with self._database.writing() as connection:
            return (await connection.execute(delete(usage).where(past))).rowcount


async def _sum(connection: AsyncConnection, month: str, payer: str | None = None) -> int:
    query = select(func.coalesce(func.sum(usage.c.frames), 0)).where(usage.c.month == month)
    if payer is not None:
        query = query.where(usage.c.payer == payer)
    return int(await connection.scalar(query) or 0)
