"""Usage of paid taggers: the frames billed to each server in each month."""

from __future__ import annotations

import hmac
import secrets
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import delete, func, select, text

from bot.domain.budget import month_of
from bot.storage.tables import meta, usage

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy import ColumnElement
    from sqlalchemy.ext.asyncio import AsyncConnection
    from sqlalchemy.sql.dml import ReturningDelete

    from bot.domain.budget import Budget, Payer
    from bot.storage.database import Database

# The key of the hashes that stand for erased payers; it is random in each database.
_KEY = "usage_key"
# Reservations are serialized, so that two never take the same remaining frames.
_LOCK = int.from_bytes(b"bills", "big")


class UsageStore:
    """Frames by payer and month (UTC)."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def reserve(self, payer: Payer, frames: int, budget: Budget) -> bool:
        """Reserve frames under the payer's reference; see ``reserve_all``."""
        return await self.reserve_all(payer.name, {payer.reference: frames}, budget)

    async def reserve_all(self, payer: str, frames: Mapping[str, int], budget: Budget) -> bool:
        """Reserve frames by reference; return False if the budget does not have that many left.

        Replaces earlier reservations of the same references, by an attempt that was interrupted.
        """
        month = month_of(datetime.now(UTC))
        async with self._database.writing() as connection:
            if self._database.is_postgresql:
                await connection.execute(text(f"SELECT pg_advisory_xact_lock({_LOCK})"))
            await connection.execute(delete(usage).where(usage.c.reference.in_(frames)))
            names = await _names(connection, payer)
            used = await _sum(connection, month, names), await _sum(connection, month)
            room = budget.remaining(*used)
            if room is not None and sum(frames.values()) > room:
                return False
            rows = [
                {"reference": each, "payer": payer, "month": month, "frames": count}
                for each, count in frames.items()
            ]
            await connection.execute(usage.insert(), rows)
        return True

    async def settle(self, reference: str, frames: int) -> None:
        """Replace a reservation by the frames that were really billed, perhaps 0.

        They are added to the payer's month: what they were billed for is not kept.
        """
        async with self._database.writing() as connection:
            ours = usage.c.reference == reference
            row = (await connection.execute(_take(ours))).one_or_none()
            if row and frames:
                await self._add(connection, row.payer, row.month, frames)

    async def used(self, payer: str | None = None) -> int:
        """Return the frames of this month, of one payer or of all."""
        async with self._database.reading() as connection:
            names = await _names(connection, payer) if payer is not None else None
            return await _sum(connection, month_of(datetime.now(UTC)), names)

    async def disown(self, payer: str) -> None:
        """Keep the numbers under a hash: a server removed the bot, or a person asked.

        The hash keeps them from having a new budget if they come back in the same month.
        """
        async with self._database.writing() as connection:
            rows = (await connection.execute(_take(usage.c.payer == payer))).all()
            if not rows:
                return
            new_key = self._database.insert(meta).values(key=_KEY, value=secrets.token_hex())
            await connection.execute(new_key.on_conflict_do_nothing())
            *_, gone = await _names(connection, payer)
            for row in rows:
                await self._add(connection, gone, row.month, row.frames)

    async def purge(self) -> int:
        """Delete the usage of earlier months; return the number of rows."""
        past = usage.c.month < month_of(datetime.now(UTC))
        async with self._database.writing() as connection:
            return (await connection.execute(delete(usage).where(past))).rowcount

    async def _add(self, connection: AsyncConnection, payer: str, month: str, frames: int) -> None:
        row = {"reference": f"{month} {payer}", "payer": payer, "month": month, "frames": frames}
        insert = self._database.insert(usage).values(row)
        total = {"frames": usage.c.frames + insert.excluded.frames}
        await connection.execute(
            insert.on_conflict_do_update(index_elements=[usage.c.reference], set_=total)
        )


def _take(which: ColumnElement[bool]) -> ReturningDelete[Any]:
    return delete(usage).where(which).returning(usage.c.payer, usage.c.month, usage.c.frames)


async def _names(connection: AsyncConnection, payer: str) -> list[str]:
    """Return the names that a payer's frames are under: their own, and once erased the hash."""
    key = await connection.scalar(select(meta.c.value).where(meta.c.key == _KEY))
    if key is None:
        return [payer]
    return [payer, hmac.digest(key.encode(), payer.encode(), "sha256").hex()]


async def _sum(connection: AsyncConnection, month: str, names: list[str] | None = None) -> int:
    query = select(func.coalesce(func.sum(usage.c.frames), 0)).where(usage.c.month == month)
    if names is not None:
        query = query.where(usage.c.payer.in_(names))
    return int(await connection.scalar(query) or 0)
