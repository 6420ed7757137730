from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest

from bot.errors import ConfigError
from bot.storage import locks
from bot.storage.availability import StorageUnavailable
from bot.storage.locks import SessionLocks, alone, held, kept, opened

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import BinaryIO

    from tests.stand_ins.postgres import PostgresServer


def cut_connections(url: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )


async def test_a_name_is_held_by_one_at_a_time(database_url: str) -> None:
    async with opened(database_url) as one, opened(database_url) as two:
        assert await one.take("worker a")
        assert not await one.take("worker a")
        assert not await two.take("worker a")
        assert await two.take("worker b")
        await two.let_go("worker a")
        assert not await two.take("worker a")
        await one.let_go("worker a")
        assert await two.take("worker a")
        assert await one.keep() == await two.keep() == frozenset()


async def test_names_are_free_when_their_holder_closed(database_url: str) -> None:
    async with opened(database_url) as one:
        assert await one.take("worker a")
    async with opened(database_url) as two:
        assert await two.take("worker a")


async def test_a_file_that_was_removed_as_it_was_opened_is_nobodys(
    sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with opened(sqlite_url) as one, opened(sqlite_url) as two:
        assert await one.take("worker a")

        async def slowly(opening: Callable[[], BinaryIO]) -> BinaryIO:
            file = opening()
            await one.let_go("worker a")
            return file

        monkeypatch.setattr(locks, "open_in_thread", slowly)
        assert not await two.take("worker a")
        monkeypatch.undo()
        assert await two.take("worker a")
        assert not await one.take("worker a")


async def test_no_file_outlives_its_name(sqlite_url: str) -> None:
    folder = Path(sqlite_url.removeprefix("sqlite:///")).parent
    async with opened(sqlite_url) as one:
        for number in range(3):
            await one.take(f"clip {number}")
        assert len(list(folder.glob("*.lock"))) == 3
        await one.let_go("clip 1")
        assert len(list(folder.glob("*.lock"))) == 2
    assert list(folder.glob("*.lock")) == []


async def test_a_name_that_stays_taken_is_a_mistake_of_the_operators(database_url: str) -> None:
    async with opened(database_url) as one, opened(database_url) as two:
        async with held(one, "worker a", "one is enough"):
            with pytest.raises(ConfigError, match="one is enough"):
                async with held(two, "worker a", "one is enough"):
                    pytest.fail("it was held twice")
        async with held(two, "worker a", "one is enough"):
            assert not await one.take("worker a")


async def test_a_name_that_is_free_in_a_moment_is_waited_for(database_url: str) -> None:
    async with opened(database_url) as one, opened(database_url) as two:
        await one.take("worker a")
        asyncio.get_running_loop().call_later(
            0.3, lambda: asyncio.ensure_future(one.let_go("worker a"))
        )
        async with held(two, "worker a", "taken"):
            pass


async def test_what_went_with_a_lost_connection_is_taken_again(postgres_url: str) -> None:
    async with opened(postgres_url) as one, opened(postgres_url) as two:
        assert await one.take("worker a")
        assert await two.take("worker b")
        cut_connections(postgres_url)
        assert await two.keep() == frozenset()
        assert await one.keep() == frozenset()
        assert not await one.take("worker b")
        assert not await two.take("worker a")


async def test_names_are_looked_after_as_long_as_they_are_held(postgres_url: str) -> None:
    async with opened(postgres_url) as one, opened(postgres_url) as two, kept(one, pause=0.01):
        assert await one.take("gateway a")
        cut_connections(postgres_url)
        async with asyncio.timeout(10):
            while await two.take("gateway a"):
                await two.let_go("gateway a")
                await asyncio.sleep(0.01)


async def test_a_name_somebody_took_meanwhile_is_missed_until_it_is_free(
    postgres_url: str,
) -> None:
    async with opened(postgres_url) as one, opened(postgres_url) as two:
        assert await one.take("worker a")
        cut_connections(postgres_url)
        assert await two.take("worker a")
        assert await one.keep() == {"worker a"}
        assert await one.keep() == {"worker a"}
        await two.let_go("worker a")
        assert await one.keep() == frozenset()
        assert not await two.take("worker a")


async def test_who_asks_twice_at_once_gets_a_name_once(postgres_url: str) -> None:
    async with opened(postgres_url) as one:
        taken = await asyncio.gather(one.take("worker a"), one.take("worker a"))
        assert sorted(taken) == [False, True]


async def test_a_name_let_go_while_it_was_missed_is_not_taken_again(postgres_url: str) -> None:
    async with opened(postgres_url) as one, opened(postgres_url) as two:
        assert await one.take("worker a")
        cut_connections(postgres_url)
        assert await two.take("worker a")
        assert await one.keep() == {"worker a"}
        await one.let_go("worker a")
        await two.let_go("worker a")
        assert await one.keep() == frozenset()
        assert await two.take("worker a")


async def test_locks_whose_database_is_away_say_so(unused_port: int) -> None:
    locks = SessionLocks(f"postgresql://nobody@127.0.0.1:{unused_port}/none")
    with pytest.raises(StorageUnavailable):
        await locks.take("worker a")
    with pytest.raises(StorageUnavailable):
        await locks.keep()
    await locks.close()


async def test_nobody_does_the_same_at_the_same_time(database_url: str) -> None:
    running = most = 0

    async def work() -> None:
        nonlocal running, most
        async with opened(database_url) as locks, alone(locks, "clip a"):
            running += 1
            most = max(most, running)
            await asyncio.sleep(0)
            running -= 1

    await asyncio.gather(*(work() for _ in range(4)))
    assert most == 1


async def test_without_its_database_work_goes_on(unused_port: int) -> None:
    locks = SessionLocks(f"postgresql://nobody@127.0.0.1:{unused_port}/none")
    async with alone(locks, "clip a"):
        pass


async def test_who_waited_long_enough_goes_on(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with opened(database_url) as one, opened(database_url) as two, alone(one, "clip a"):
        await two.take("clip b")  # and is connected from here on
        monkeypatch.setattr("bot.storage.locks._MAX_WAIT", 0.05)
        async with alone(two, "clip a"):
            pass
        assert not await two.take("clip a")  # it stays with who has it


async def test_both_sides_soon_notice_a_silent_peer(
    postgres: PostgresServer, postgres_url: str
) -> None:
    del postgres
    locks = SessionLocks(postgres_url)
    await locks.take("worker a")
    assert locks._connection is not None
    for setting, value in (("idle", "10"), ("interval", "5"), ("count", "3")):
        cursor = await locks._connection.execute(f"SHOW tcp_keepalives_{setting}")
        assert await cursor.fetchone() == (value,)
    ours = locks._connection.info.get_parameters()
    asked = {"keepalives_idle": "10", "keepalives_interval": "5", "keepalives_count": "3"}
    assert ours.items() >= {**asked, "tcp_user_timeout": "25000"}.items()
    await locks.close()
