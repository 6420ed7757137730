"""Turns at a service that allows so many calls a second, shared by all processes."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from sqlalchemy import ColumnElement, Double, and_, case, cast, func, literal

from bot.storage.errors import StorageUnavailable
from bot.storage.tables import turns

if TYPE_CHECKING:
    from sqlalchemy.sql.dml import ReturningInsert

    from bot.storage.database import Database

# Nobody queues for longer than this; a moment further ahead is one from before the clock was set
# back, and says nothing.
_MAX_AHEAD = 60.0
_PAUSE = 1.0
# Of a gap: who was kept from going in time is not followed at once by those who waited meanwhile.
_LEAST = 0.95


class RateLimiter:
    """Hands out moments at least ``1 / per_second`` seconds apart, to whoever asks first."""

    def __init__(self, database: Database, name: str, per_second: float) -> None:
        self._database = database
        self._name = name
        self._gap = 1 / per_second
        self._door = asyncio.Lock()
        self._free = 0.0

    async def wait(self) -> None:
        """Take the next turn and wait for it; a database that is away is waited for too."""
        seconds: float | None = None
        while seconds is None:
            try:
                seconds = await self._next()
            except StorageUnavailable:
                await asyncio.sleep(_PAUSE)
        await asyncio.sleep(max(0.0, seconds))
        await self._pass()

    async def _pass(self) -> None:
        """Let this process' turns go one by one, also when it comes late to several of them."""
        time = asyncio.get_running_loop().time
        async with self._door:
            await asyncio.sleep(max(0.0, self._free - time()))
            self._free = time() + self._gap * _LEAST

    async def _next(self) -> float:
        async with self._database.writing() as connection:
            return float(await connection.scalar(self._take()) or 0)

    def _take(self) -> ReturningInsert[tuple[float]]:
        """Move the next turn on by one, and return how many seconds off the one taken is."""
        now = self._now()
        insert = self._database.insert(turns).values(name=self._name, next=now + self._gap)
        free = case(
            (and_(turns.c.next > now, turns.c.next < now + _MAX_AHEAD), turns.c.next), else_=now
        )
        statement = insert.on_conflict_do_update(
            index_elements=[turns.c.name], set_={"next": free + self._gap}
        )
        return statement.returning(turns.c.next - self._gap - now)

    def _now(self) -> ColumnElement[float]:
        """Return the present in seconds by the one clock all processes share."""
        if self._database.is_postgresql:
            # Of the statement's beginning: it stays the same within it, and is read before a lock
            # of somebody else's turn is waited for.
            return cast(func.extract("epoch", func.statement_timestamp()), Double)
        return literal(time.time(), Double)
