from __future__ import annotations

import asyncio
import time
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import select, update

from bot.storage.database import Database
from bot.storage.rate_limiter import RateLimiter
from bot.storage.tables import rate_limits

if TYPE_CHECKING:
    from tests.stand_ins.postgres import PostgresServer


async def next_call(database: Database) -> float:
    async with database.reading() as connection:
        return float(await connection.scalar(select(rate_limits.c.next)) or 0)


async def test_calls_of_all_processes_are_spaced_out(database_url: str) -> None:
    async def take(database: Database) -> None:
        await RateLimiter(database, "clarifai", per_second=50).wait()

    began = time.time()
    async with Database.open(database_url) as one, Database.open(database_url) as two:
        await asyncio.gather(*(take(one) for _ in range(10)), *(take(two) for _ in range(10)))
        ended = time.time()
        following = await next_call(one)
    assert following >= began + 20 / 50
    assert ended >= following - 1 / 50 - 0.001  # no call was early


async def test_a_first_call_is_immediate_and_services_are_independent(
    database: Database,
) -> None:
    before = time.monotonic()
    for name in ("a", "b", "c"):
        await RateLimiter(database, name, per_second=0.1).wait()
    assert time.monotonic() - before < 5


async def test_a_time_from_before_the_clock_was_set_back_is_ignored(database: Database) -> None:
    await RateLimiter(database, "clarifai", per_second=10).wait()
    async with database.writing() as connection:
        await connection.execute(update(rate_limits).values(next=rate_limits.c.next + 3600))
    async with asyncio.timeout(60):
        await RateLimiter(database, "clarifai", per_second=10).wait()
    assert await next_call(database) == pytest.approx(time.time(), abs=60)


async def test_delayed_calls_do_not_burst(database: Database) -> None:
    class Late(RateLimiter):
        async def _next(self) -> float:
            return -1.0

    line, gone = Late(database, "clarifai", per_second=50), []
    now = asyncio.get_running_loop().time

    async def go() -> None:
        began = now()
        await line.wait()
        gone.append((now(), line._free))
        assert line._free >= began + 0.9 / 50

    await asyncio.gather(*(go() for _ in range(4)))
    # No call begins before the time that the call before it set.
    assert all(went >= free - 0.001 for (_, free), (went, _) in pairwise(gone))
    assert all(later - free > 0.9 / 50 for (_, free), (_, later) in pairwise(gone))


async def test_a_call_waits_for_a_database_that_restarts(
    postgres: PostgresServer, postgres_url: str
) -> None:
    async with Database.open(postgres_url) as database:
        line = RateLimiter(database, "clarifai", per_second=100)
        await line.wait()
        postgres.cluster.stop()
        waiting = asyncio.create_task(line.wait())
        await asyncio.to_thread(postgres.cluster.start, postgres.port)
        await asyncio.wait_for(waiting, 20)
