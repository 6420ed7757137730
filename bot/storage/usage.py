"""Usage of paid taggers: the frames billed to servers each month, and to those with a share."""

from __future__ import annotations

import hmac
import secrets
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import delete, func, select, text

from bot.domain.budget import Spending, Spent, month_of
from bot.storage.tables import meta, usage, usage_shares

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy import ColumnElement
    from sqlalchemy.ext.asyncio import AsyncConnection
    from sqlalchemy.sql.dml import ReturningDelete

    from bot.domain.budget import Budget, Payer
    from bot.errors import BudgetLimit
    from bot.storage.database import Database

# The key of the hashes that stand for people and erased payers; it is random in each database.
_KEY = "usage_key"
# Reservations are serialized, so that two never take the same remaining frames.
_LOCK = int.from_bytes(b"bills", "big")
# All new and small servers together, as the holder of a share.
_NEWCOMERS = "newcomers"


class UsageStore:
    """Frames by payer and month, and by person and newcomer for each day (UTC)."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def reserve(self, payer: Payer, frames: int, budget: Budget) -> bool:
        """Reserve frames under the payer's reference; return whether there were enough."""
        return await self.reserve_all(payer, {payer.reference: frames}, budget) is None

    async def reserve_all(
        self, payer: Payer, frames: Mapping[str, int], budget: Budget
    ) -> BudgetLimit | None:
        """Reserve frames by reference; return the limit that has not that many left, if one has.

        Replaces earlier reservations of the same references, by an attempt that was interrupted.
        """
        now, total = datetime.now(UTC), sum(frames.values())
        async with self._database.writing() as connection:
            if self._database.is_postgresql:
                await connection.execute(text(f"SELECT pg_advisory_xact_lock({_LOCK})"))
            replaced = await connection.execute(_take(usage.c.reference.in_(frames)))
            await self._share(connection, payer, -sum(row.frames for row in replaced), now)
            used = await self._spending(connection, payer, now)
            if limit := budget.refused_by(payer, used, total, now.date(), models=len(frames)):
                return limit
            rows = [
                {"reference": each, "payer": payer.name, "month": month_of(now), "frames": count}
                for each, count in frames.items()
            ]
            await connection.execute(usage.insert(), rows)
            await self._share(connection, payer, total, now)
        return None

    async def settle(self, payer: Payer, reference: str, frames: int) -> None:
        """Replace a reservation by the frames that were really billed, perhaps 0.

        They are added to the payer's month: what they were billed for is not kept.
        """
        async with self._database.writing() as connection:
            ours = usage.c.reference == reference
            row = (await connection.execute(_take(ours))).one_or_none()
            if row is None:
                return
            if frames:
                await self._add(connection, row.payer, row.month, frames)
            await self._share(connection, payer, frames - row.frames, datetime.now(UTC))

    async def spending(self, payer: Payer) -> Spending:
        """Return what was used of everything that limits a payer."""
        async with self._database.reading() as connection:
            return await self._spending(connection, payer, datetime.now(UTC))

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
            await self._make_key(connection)
            *_, gone = await _names(connection, payer)
            for row in rows:
                await self._add(connection, gone, row.month, row.frames)

    async def purge(self) -> int:
        """Delete the usage of earlier months; return the number of rows."""
        month = month_of(datetime.now(UTC))
        async with self._database.writing() as connection:
            past = await connection.execute(delete(usage).where(usage.c.month < month))
            shares = delete(usage_shares).where(usage_shares.c.period < month)
            return past.rowcount + (await connection.execute(shares)).rowcount

    async def _add(self, connection: AsyncConnection, payer: str, month: str, frames: int) -> None:
        row = {"reference": f"{month} {payer}", "payer": payer, "month": month, "frames": frames}
        insert = self._database.insert(usage).values(row)
        total = {"frames": usage.c.frames + insert.excluded.frames}
        await connection.execute(
            insert.on_conflict_do_update(index_elements=[usage.c.reference], set_=total)
        )

    async def _spending(self, connection: AsyncConnection, payer: Payer, now: datetime) -> Spending:
        month, names = month_of(now), await _names(connection, payer.name)
        person, newcomer = await _holders(connection, payer)
        return Spending(
            payer=await _sum(connection, month, names),
            overall=await _sum(connection, month),
            person=await _spent(connection, person, now),
            newcomer=await _spent(connection, newcomer, now),
            newcomers=await _spent(connection, newcomer and _NEWCOMERS, now),
        )

    async def _share(
        self, connection: AsyncConnection, payer: Payer, frames: int, now: datetime
    ) -> None:
        """Add frames to what those who have a share of the budget used, if the payer is one."""
        if not frames or not (payer.person or payer.newcomer):
            return
        await self._make_key(connection)
        person, newcomer = await _holders(connection, payer)
        rows = [
            {"holder": holder, "period": period, "frames": frames}
            for holder in (person, newcomer, newcomer and _NEWCOMERS)
            for period in _periods(now)
            if holder
        ]
        insert = self._database.insert(usage_shares).values(rows)
        columns = [usage_shares.c.holder, usage_shares.c.period]
        total = {"frames": usage_shares.c.frames + insert.excluded.frames}
        await connection.execute(insert.on_conflict_do_update(index_elements=columns, set_=total))

    async def _make_key(self, connection: AsyncConnection) -> None:
        new_key = self._database.insert(meta).values(key=_KEY, value=secrets.token_hex())
        await connection.execute(new_key.on_conflict_do_nothing())


def _periods(now: datetime) -> tuple[str, str]:
    """Return the day and the month of a moment."""
    return f"{now:%Y-%m-%d}", month_of(now)


async def _spent(connection: AsyncConnection, holder: str, now: datetime) -> Spent:
    if not holder:
        return Spent()
    query = select(usage_shares.c.period, usage_shares.c.frames).where(
        usage_shares.c.holder == holder, usage_shares.c.period.in_(_periods(now))
    )
    used = {row.period: row.frames for row in await connection.execute(query)}
    return Spent(*(used.get(period, 0) for period in _periods(now)))


async def _holders(connection: AsyncConnection, payer: Payer) -> tuple[str, str]:
    """Return what stands for the person and for the newcomer; empty for each that doesn't count.

    Only hashes are stored, so that erasing a person or a server brings no new share.
    """
    person = f"{payer.name} {payer.person}" if payer.person else ""
    newcomer = payer.name if payer.newcomer else ""
    first, second = [
        (await _names(connection, each))[-1] if each else "" for each in (person, newcomer)
    ]
    return first, second


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
