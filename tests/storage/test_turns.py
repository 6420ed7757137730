from __future__ import annotations

import asyncio
import time
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import select, update

from bot.storage.database import Database
from bot.storage.tables import turns
from bot.storage.turns import Turns

if TYPE_CHECKING:
    from tests.stand_ins.postgres import PostgresServer


async def test_turns_of_all_processes_are_apart(database_url: str) -> None:
    moments: list[float] = []

    async def take(database: Database) -> None:
        await Turns(database, "clarifai", per_second=50).wait()
        moments.append(time.monotonic())

    async with Database.open(database_url) as one, Database.open(database_url) as two:
        await asyncio.gather(*(take(one) for _ in range(10)), *(take(two) for _ in range(10)))
    gaps = [later - earlier for earlier, later in pairwise(sorted(moments))]
    # A wait may end late, never early: the last turn is 19 gaps after the first.
    assert sum(gaps) >= 19 / 50 - 0.02
    assert len(moments) == 20


async def test_a_first_turn_is_free_and_services_do_not_wait_for_each_other(
    database: Database,
) -> None:
    before = time.monotonic()
    for name in ("a", "b", "c"):
        await Turns(database, name, per_second=0.1).wait()
    assert time.monotonic() - before < 5


async def test_a_turn_from_before_the_clock_was_set_back_is_forgotten(database: Database) -> None:
    await Turns(database, "clarifai", per_second=10).wait()
    async with database.writing() as connection:
        await connection.execute(update(turns).values(next=turns.c.next + 3600))
    async with asyncio.timeout(5):
        await Turns(database, "clarifai", per_second=10).wait()
    async with database.reading() as connection:
        following = await connection.scalar(select(turns.c.next))
    assert following == pytest.approx(time.time(), abs=60)


async def test_a_database_that_is_restarted_is_waited_for(
    postgres: PostgresServer, postgres_url: str
) -> None:
    async with Database.open(postgres_url) as database:
        line = Turns(database, "clarifai", per_second=100)
        await line.wait()
        postgres.cluster.stop()
        waiting = asyncio.create_task(line.wait())
        await asyncio.to_thread(postgres.cluster.start, postgres.port)
        await asyncio.wait_for(waiting, 20)
