from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest

from bot.errors import ConfigError
from bot.storage.database import StorageUnavailable
from bot.storage.locks import alone, held, maintained, opened
from bot.storage.session_locks import SessionLocks

if TYPE_CHECKING:
    from tests.stand_ins.postgres import PostgresServer


@pytest.fixture
def database_url(new_database_url: str) -> str:
    return new_database_url


def cut_connections(url: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )


async def test_only_one_process_holds_a_name(database_url: str) -> None:
    async with opened(database_url) as one, opened(database_url) as two:
        assert await one.acquire("worker a")
        assert not await one.acquire("worker a")
        assert not await two.acquire("worker a")
        assert await two.acquire("worker b")
        await two.release("worker a")
        assert not await two.acquire("worker a")
        await one.release("worker a")
        assert await two.acquire("worker a")
        assert await one.maintain() == await two.maintain() == frozenset()


async def test_names_are_free_after_their_holder_closed(database_url: str) -> None:
    async with opened(database_url) as one:
        assert await one.acquire("worker a")
    async with opened(database_url) as two:
        assert await two.acquire("worker a")


async def test_only_one_process_locks_a_file_that_is_recreated(new_sqlite_url: str) -> None:
    """Each release removes the file, while others open it."""
    held = 0

    async def hold_often() -> int:
        nonlocal held
        times = 0
        async with opened(new_sqlite_url) as locks:
            while times < 200:
                if await locks.acquire("worker a"):
                    times += 1
                    held += 1
                    assert held == 1
                    await asyncio.sleep(0)
                    held -= 1
                    await locks.release("worker a")
        return times

    assert await asyncio.gather(*(hold_often() for _ in range(4))) == [200] * 4


async def test_lock_files_are_removed_on_release(new_sqlite_url: str) -> None:
    folder = Path(new_sqlite_url.removeprefix("sqlite:///")).parent
    async with opened(new_sqlite_url) as one:
        for number in range(3):
            await one.acquire(f"clip {number}")
        assert len(list(folder.glob("*.lock"))) == 3
        await one.release("clip 1")
        assert len(list(folder.glob("*.lock"))) == 2
    assert list(folder.glob("*.lock")) == []


async def test_a_name_that_stays_held_is_a_configuration_error(database_url: str) -> None:
    async with opened(database_url) as one, opened(database_url) as two:
        async with held(one, "worker a", "one is enough"):
            with pytest.raises(ConfigError, match="one is enough"):
                async with held(two, "worker a", "one is enough"):
                    pytest.fail("it was held twice")
        async with held(two, "worker a", "one is enough"):
            assert not await one.acquire("worker a")


async def test_a_name_that_is_released_soon_is_acquired(database_url: str) -> None:
    async with opened(database_url) as one, opened(database_url) as two:
        await one.acquire("worker a")
        asyncio.get_running_loop().call_later(
            0.3, lambda: asyncio.ensure_future(one.release("worker a"))
        )
        async with held(two, "worker a", "taken"):
            pass


async def test_names_lost_with_a_connection_are_acquired_again(new_postgres_url: str) -> None:
    async with opened(new_postgres_url) as one, opened(new_postgres_url) as two:
        assert await one.acquire("worker a")
        assert await two.acquire("worker b")
        cut_connections(new_postgres_url)
        assert await two.maintain() == frozenset()
        assert await one.maintain() == frozenset()
        assert not await one.acquire("worker b")
        assert not await two.acquire("worker a")


async def test_names_are_maintained_in_the_background(new_postgres_url: str) -> None:
    async with (
        opened(new_postgres_url) as one,
        opened(new_postgres_url) as two,
        maintained(one, pause=0.01),
    ):
        assert await one.acquire("gateway a")
        cut_connections(new_postgres_url)
        async with asyncio.timeout(60):
            while await two.acquire("gateway a"):
                await two.release("gateway a")
                await asyncio.sleep(0.01)


async def test_a_name_lost_to_others_is_acquired_again_when_it_is_free(
    new_postgres_url: str,
) -> None:
    async with opened(new_postgres_url) as one, opened(new_postgres_url) as two:
        assert await one.acquire("worker a")
        cut_connections(new_postgres_url)
        assert await two.acquire("worker a")
        assert await one.maintain() == {"worker a"}
        assert await one.maintain() == {"worker a"}
        await two.release("worker a")
        assert await one.maintain() == frozenset()
        assert not await two.acquire("worker a")


async def test_two_concurrent_attempts_acquire_a_name_once(new_postgres_url: str) -> None:
    async with opened(new_postgres_url) as one:
        taken = await asyncio.gather(one.acquire("worker a"), one.acquire("worker a"))
        assert sorted(taken) == [False, True]


async def test_a_lost_name_that_is_released_is_not_acquired_again(new_postgres_url: str) -> None:
    async with opened(new_postgres_url) as one, opened(new_postgres_url) as two:
        assert await one.acquire("worker a")
        cut_connections(new_postgres_url)
        assert await two.acquire("worker a")
        assert await one.maintain() == {"worker a"}
        await one.release("worker a")
        await two.release("worker a")
        assert await one.maintain() == frozenset()
        assert await two.acquire("worker a")


async def test_locks_raise_if_the_database_is_away(unused_port: int) -> None:
    locks = SessionLocks(f"postgresql://nobody@127.0.0.1:{unused_port}/none")
    with pytest.raises(StorageUnavailable):
        await locks.acquire("worker a")
    with pytest.raises(StorageUnavailable):
        await locks.maintain()
    await locks.close()


async def test_alone_runs_one_block_at_a_time(database_url: str) -> None:
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


async def test_alone_runs_anyway_without_the_database(unused_port: int) -> None:
    locks = SessionLocks(f"postgresql://nobody@127.0.0.1:{unused_port}/none")
    async with alone(locks, "clip a"):
        pass


async def test_alone_runs_anyway_after_waiting_long_enough(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with opened(database_url) as one, opened(database_url) as two, alone(one, "clip a"):
        await two.acquire("clip b")  # and is connected from here on
        monkeypatch.setattr("bot.storage.locks._MAX_WAIT", 0.05)
        async with alone(two, "clip a"):
            pass
        assert not await two.acquire("clip a")  # it still belongs to its holder


async def test_both_sides_soon_notice_a_silent_peer(
    postgres: PostgresServer, new_postgres_url: str
) -> None:
    del postgres
    locks = SessionLocks(new_postgres_url)
    await locks.acquire("worker a")
    assert locks._connection is not None
    for setting, value in (("idle", "10"), ("interval", "5"), ("count", "3")):
        cursor = await locks._connection.execute(f"SHOW tcp_keepalives_{setting}")
        assert await cursor.fetchone() == (value,)
    ours = locks._connection.info.get_parameters()
    asked = {"keepalives_idle": "10", "keepalives_interval": "5", "keepalives_count": "3"}
    assert ours.items() >= {**asked, "tcp_user_timeout": "25000"}.items()
    await locks.close()
