"""Rate limit on calls to a service, shared by all processes on one database."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from sqlalchemy import ColumnElement, Double, and_, case, cast, func, literal

from bot.storage.database import StorageUnavailable
from bot.storage.tables import rate_limits

if TYPE_CHECKING:
    from sqlalchemy.sql.dml import ReturningInsert

    from bot.storage.database import Database

# No call waits longer than this. A later time in the table was written before the clock was set
# back, and is ignored.
_MAX_AHEAD = 60.0
_RETRY_SECONDS = 1.0
# A call that was held up must not be followed at once by those that waited behind it: at least this
# part of the gap lies between two calls of a process.
_MIN_GAP = 0.95


class RateLimiter:
    """Spaces calls at least ``1 / per_second`` seconds apart, first come, first served."""

    def __init__(self, database: Database, name: str, per_second: float) -> None:
        self._database = database
        self._name = name
        self._gap = 1 / per_second
        self._lock = asyncio.Lock()
        self._free = 0.0

    async def wait(self) -> None:
        """Reserve the next call and wait until it is due; also waits while the database is away."""
        seconds: float | None = None
        while seconds is None:
            try:
                seconds = await self._reserve()
            except StorageUnavailable:
                await asyncio.sleep(_RETRY_SECONDS)
        await asyncio.sleep(max(0.0, seconds))
        await self._space_out()

    async def _space_out(self) -> None:
        """Keep this process' calls apart, even if several of them come late."""
        time = asyncio.get_running_loop().time
        async with self._lock:
            await asyncio.sleep(max(0.0, self._free - time()))
            self._free = time() + self._gap * _MIN_GAP

    async def _reserve(self) -> float:
        async with self._database.writing() as connection:
            return float(await connection.scalar(self._statement()) or 0)

    def _statement(self) -> ReturningInsert[tuple[float]]:
        """Reserve the next call; the statement returns the seconds until it is due."""
        now = self._now()
        insert = self._database.insert(rate_limits).values(name=self._name, next=now + self._gap)
        free = case(
            (
                and_(rate_limits.c.next > now, rate_limits.c.next < now + _MAX_AHEAD),
                rate_limits.c.next,
            ),
            else_=now,
        )
        statement = insert.on_conflict_do_update(
            index_elements=[rate_limits.c.name], set_={"next": free + self._gap}
        )
        return statement.returning(rate_limits.c.next - self._gap - now)

    def _now(self) -> ColumnElement[float]:
        """Return the current time in seconds, by a clock that all processes share."""
        if self._database.is_postgresql:
            # The start of the statement: the same throughout it, and before it waits for a lock.
            return cast(func.extract("epoch", func.statement_timestamp()), Double)
        return literal(time.time(), Double)
