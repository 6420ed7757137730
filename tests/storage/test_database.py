from __future__ import annotations

import asyncio
import os
import sqlite3
import sys
import traceback
from contextlib import AsyncExitStack, asynccontextmanager, closing, contextmanager
from typing import TYPE_CHECKING

import pytest
from psycopg import sql
from sqlalchemy import func, select, text
from sqlalchemy.exc import DBAPIError

from bot.errors import ConfigError
from bot.storage.database import Database, StorageUnavailable
from bot.storage.guild_settings import GuildSettingsStore
from bot.storage.meta import MetaStore
from bot.storage.tables import taggings
from bot.storage.taggings import TaggingStore
from tests.storage.samples import FINGERPRINT, GUILD, IDENTITY, TAGGING

if TYPE_CHECKING:
    from asyncio.subprocess import Process
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

    from tests.stand_ins.postgres import PostgresServer


async def refusal(url: str) -> ConfigError:
    """Return the one line that says why the database can't be opened."""
    with pytest.raises(ConfigError) as caught:
        async with Database.open(url, busy_timeout=0.05):
            pytest.fail("it was opened all the same")
    (mistake,) = caught.value.mistakes
    assert mistake.startswith("DATABASE_URL: ")
    assert "\n" not in mistake
    return caught.value


async def test_saved_values_survive_reopening(database_url: str) -> None:
    async with Database.open(database_url) as database:
        await TaggingStore(database).save(TAGGING)
        await MetaStore(database).set("a", "b")
        await GuildSettingsStore(database).set_threshold(GUILD, "x:y", 0.25)
    async with Database.open(database_url) as database:
        assert await TaggingStore(database).find(FINGERPRINT, IDENTITY) == TAGGING
        assert await MetaStore(database).get("a") == "b"
        assert (await GuildSettingsStore(database).load(GUILD)).thresholds == {"x:y": 0.25}


async def test_a_block_that_raises_writes_nothing(database: Database) -> None:
    async def write_and_fail() -> None:
        async with database.writing() as connection:
            await connection.execute(text("INSERT INTO meta VALUES ('a', 'b')"))
            raise LookupError

    with pytest.raises(LookupError):
        await write_and_fail()
    assert await MetaStore(database).get("a") is None


async def test_wrong_sql_is_not_an_outage_and_shows_no_values(database: Database) -> None:
    query = text("SELECT * FROM no_such_table WHERE name = :name")
    with pytest.raises(DBAPIError, match="no_such_table") as caught:
        async with database.reading() as connection:
            await connection.execute(query, {"name": "hunter2"})
    assert "hunter2" not in str(caught.value)


# Concurrency


@asynccontextmanager
async def saver(url: str) -> AsyncIterator[Process]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-W", "error", "-m", "tests.storage.saver", url),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        yield process
        await process.communicate(b"")  # without input, Python 3.11 leaves stdin open
        assert process.returncode == 0
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def hears(process: Process, word: str) -> bool:
    assert process.stdout
    return await process.stdout.readline() == f"{word}\n".encode()


async def test_two_processes_may_open_and_save_the_same_at_once(new_database_url: str) -> None:
    async with AsyncExitStack() as stack:
        both = [await stack.enter_async_context(saver(new_database_url)) for _ in range(2)]
        for process in both:
            assert await hears(process, "ready")
        for number in range(20):
            for process in both:
                assert process.stdin
                process.stdin.write(f"0.{number:02}\n".encode())
        for _ in range(20):
            for process in both:
                assert await hears(process, "saved")
    async with Database.open(new_database_url) as database:
        assert await TaggingStore(database).find(FINGERPRINT, IDENTITY) == TAGGING
        settings = await GuildSettingsStore(database).load(GUILD)
        assert settings.thresholds == {str(IDENTITY): 0.19}
        assert await MetaStore(database).get("last") == "0.19"
        async with database.reading() as connection:
            assert await connection.scalar(select(func.count()).select_from(taggings)) == 1


async def test_waiting_for_sqlites_lock_does_not_block_the_loop(
    sqlite_url: str, tmp_path: Path
) -> None:
    async with Database.open(sqlite_url) as database:
        with closing(sqlite3.connect(tmp_path / "framehound.db", isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            saving = asyncio.create_task(MetaStore(database).set("a", "b"))
            # Meanwhile a read takes several iterations of the loop and is not delayed.
            assert await MetaStore(database).get("a") is None
            assert not saving.done()
            other.execute("COMMIT")
        await saving
        assert await MetaStore(database).get("a") == "b"


async def test_a_lock_held_too_long_is_an_outage(sqlite_url: str, tmp_path: Path) -> None:
    async with Database.open(sqlite_url, busy_timeout=0.05) as database:
        with closing(sqlite3.connect(tmp_path / "framehound.db", isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(StorageUnavailable) as caught:
                await TaggingStore(database).save(TAGGING)
            assert caught.value.detail == "database is locked"
            assert await TaggingStore(database).find(FINGERPRINT, IDENTITY) is None
            other.execute("ROLLBACK")
        await TaggingStore(database).save(TAGGING)
        assert await TaggingStore(database).find(FINGERPRINT, IDENTITY) == TAGGING


async def test_a_database_up_to_date_opens_while_another_writes(
    sqlite_url: str, tmp_path: Path
) -> None:
    async with Database.open(sqlite_url):
        pass
    with closing(sqlite3.connect(tmp_path / "framehound.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        async with Database.open(sqlite_url, busy_timeout=0.05) as database:
            assert await MetaStore(database).get("a") is None


# Outages of PostgreSQL


def cut_connections(postgres: PostgresServer, url: str) -> None:
    statement = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = {}"
    postgres.administer(sql.SQL(statement).format(sql.Literal(url.rpartition("/")[2])))


async def test_lost_connections_are_replaced(postgres: PostgresServer, postgres_url: str) -> None:
    async with Database.open(postgres_url) as database:
        await MetaStore(database).set("a", "b")
        await asyncio.to_thread(cut_connections, postgres, postgres_url)
        assert await MetaStore(database).get("a") == "b"


async def test_a_connection_lost_during_a_query_is_an_outage(
    postgres: PostgresServer, postgres_url: str
) -> None:
    async def write_while_cut(database: Database) -> None:
        async with database.writing() as connection:
            await connection.execute(text("INSERT INTO meta VALUES ('a', 'b')"))
            await asyncio.to_thread(cut_connections, postgres, postgres_url)

    async with Database.open(postgres_url) as database:
        with pytest.raises(StorageUnavailable):
            await write_while_cut(database)
        assert await MetaStore(database).get("a") is None


async def test_a_server_that_refuses_connections_is_an_outage(
    postgres: PostgresServer, postgres_url: str
) -> None:
    name = sql.Identifier(postgres_url.rpartition("/")[2])
    async with Database.open(postgres_url) as database:
        closed = sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS false").format(name)
        await asyncio.to_thread(postgres.administer, closed)
        await asyncio.to_thread(cut_connections, postgres, postgres_url)
        with pytest.raises(StorageUnavailable) as caught:
            await MetaStore(database).get("a")
        assert "not currently accepting connections" in caught.value.detail


# Refusals at opening


async def test_a_wrong_password_is_reported_without_showing_it(postgres: PostgresServer) -> None:
    error = await refusal(postgres.address("postgres", password="hunter2"))
    assert "password authentication failed" in str(error)
    assert "hunter2" not in "".join(traceback.format_exception(error))


async def test_a_missing_postgres_database_is_reported(postgres: PostgresServer) -> None:
    assert "does not exist" in str(await refusal(postgres.address("nowhere")))


async def test_an_unreachable_server_is_reported(unused_port: int) -> None:
    url = f"postgresql://user:hunter2@127.0.0.1:{unused_port}/db"
    error = await refusal(url)
    assert f"postgresql://user:***@127.0.0.1:{unused_port}/db" in str(error)
    assert "hunter2" not in "".join(traceback.format_exception(error))


async def test_an_unknown_option_of_libpq_is_reported(postgres: PostgresServer) -> None:
    assert "nonsense" in str(await refusal(postgres.address("postgres") + "?nonsense=1"))


async def test_an_open_database_does_not_show_its_password(
    postgres: PostgresServer, postgres_url: str
) -> None:
    async with Database.open(postgres_url) as database:
        assert repr(database) == f"Database({postgres_url.replace('open-sesame', '***')!r})"
        assert f":{postgres.port}/" in repr(database)


async def test_a_file_in_place_of_the_folder_is_reported(tmp_path: Path) -> None:
    (tmp_path / "taken").touch()
    error = await refusal(f"sqlite:///{tmp_path}/taken/framehound.db")
    assert str(error).endswith(": File exists.")


async def test_a_folder_in_place_of_the_file_is_reported(tmp_path: Path) -> None:
    assert str(await refusal(f"sqlite:///{tmp_path}")).endswith(": Is a directory.")


@pytest.fixture
def closed_folder(tmp_path: Path) -> Iterator[Path]:
    """A folder without write permission; root drops its privileges for it."""
    tmp_path.chmod(0o500)
    with unprivileged():
        yield tmp_path


@contextmanager
def unprivileged() -> Iterator[None]:
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


async def test_a_folder_without_permission_is_reported(closed_folder: Path) -> None:
    error = await refusal(f"sqlite:///{closed_folder}/framehound.db")
    assert str(error).endswith(": Permission denied.")


async def test_a_file_that_is_not_a_database_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "holiday.db"
    path.write_text("Dear diary, " * 1000)
    assert str(await refusal(f"sqlite:///{path}")).endswith(": file is not a database.")
    assert path.read_text() == "Dear diary, " * 1000


async def test_a_new_file_locked_by_another_process_is_reported(
    new_sqlite_url: str, tmp_path: Path
) -> None:
    with closing(sqlite3.connect(tmp_path / "framehound.db", isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        assert str(await refusal(new_sqlite_url)).endswith(": database is locked.")
