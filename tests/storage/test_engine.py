from __future__ import annotations

import asyncio
import sqlite3
import subprocess
import sys
from contextlib import AsyncExitStack, closing
from stat import S_IMODE
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import text

from bot.storage.database import Database
from bot.storage.engine import CONNECT_TIMEOUT, DatabaseAddress, create_engine, prepare

if TYPE_CHECKING:
    from pathlib import Path


def mode(path: Path) -> int:
    return S_IMODE(path.stat().st_mode)


async def test_a_new_file_and_its_folder_are_private(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "folder"
    async with Database.open(f"sqlite:///{folder / 'framehound.db'}"):
        assert mode(folder) == 0o700
        files = {path.name: mode(path) for path in folder.iterdir()}
    assert files == dict.fromkeys(
        ["framehound.db", "framehound.db-wal", "framehound.db-shm"], 0o600
    )


@pytest.fixture
def open_folder(tmp_path: Path) -> Path:
    tmp_path.chmod(0o755)
    return tmp_path


async def test_an_existing_folder_keeps_its_mode(open_folder: Path) -> None:
    async with Database.open(f"sqlite:///{open_folder / 'framehound.db'}"):
        assert mode(open_folder) == 0o755


@pytest.mark.parametrize(
    ("pragma", "value"),
    [("journal_mode", "wal"), ("foreign_keys", 1), ("synchronous", 1), ("busy_timeout", 2500)],
)
async def test_every_sqlite_connection_is_set_up(
    sqlite_url: str, pragma: str, value: object
) -> None:
    async with Database.open(sqlite_url, busy_timeout=2.5) as database:
        for transaction in (database.reading, database.writing):
            async with transaction() as connection:
                assert await connection.scalar(text(f"PRAGMA {pragma}")) == value


async def test_a_connection_given_back_after_the_end_is_closed(sqlite_url: str) -> None:
    async with AsyncExitStack() as stack:
        async with Database.open(sqlite_url) as database:
            connection = await stack.enter_async_context(database.reading())
            driver: Any = (await connection.get_raw_connection()).driver_connection
        assert driver.isolation_level is None
    with pytest.raises(ValueError, match="no active connection"):
        assert driver.isolation_level


async def test_a_read_transaction_is_a_snapshot(database: Database) -> None:
    count = text("SELECT count(*) FROM meta")
    async with database.reading() as reader:
        if reader.dialect.name == "postgresql":
            await reader.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ"))
        assert await reader.scalar(count) == 0
        async with database.writing() as writer:
            await writer.execute(text("INSERT INTO meta VALUES ('a', 'b')"))
        assert await reader.scalar(count) == 0


async def test_waiting_for_a_busy_journal_ends_at_the_timeout(tmp_path: Path) -> None:
    path = tmp_path / "framehound.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            await create_engine(DatabaseAddress.parse(f"sqlite:///{path}"), busy_timeout=0.05)


async def test_a_new_file_that_another_process_prepares_is_retried(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "framehound.db"
    with closing(sqlite3.connect(path, isolation_level=None, check_same_thread=False)) as other:
        other.execute("BEGIN IMMEDIATE")  # refuses to change the journal, without waiting
        pauses: list[float] = []

        def let_go(pause: float) -> None:
            pauses.append(pause)
            other.execute("COMMIT")

        monkeypatch.setattr("bot.storage.engine.time.sleep", let_go)
        engine = await create_engine(DatabaseAddress.parse(f"sqlite:///{path}"), busy_timeout=5)
        await engine.dispose()
        assert len(pauses) == 1
        assert other.execute("PRAGMA journal_mode").fetchone() == ("wal",)


async def test_connecting_to_postgres_has_a_default_timeout() -> None:
    plain = await create_engine(DatabaseAddress.parse("postgresql://u@h/db"), 1)
    engine = await create_engine(DatabaseAddress.parse("postgresql://u@h/db?connect_timeout=3"), 1)
    assert plain.url.query["connect_timeout"] == str(CONNECT_TIMEOUT)
    assert engine.url.query["connect_timeout"] == "3"


LOOK = """
import sqlite3, sys
with sqlite3.connect(sys.argv[1]) as connection:
    print(connection.execute("SELECT count(*) FROM cats").fetchone()[0])
connection.close()
"""


def look(path: Path) -> int:
    command = [sys.executable, "-c", LOOK, str(path)]
    return int(subprocess.run(command, capture_output=True, check=True).stdout)


async def test_preparing_an_existing_file_keeps_the_locks_on_it(tmp_path: Path) -> None:
    path = tmp_path / "framehound.db"
    address = DatabaseAddress.parse(f"sqlite:///{path}")
    await prepare(address, busy_timeout=1)
    with closing(sqlite3.connect(path, isolation_level=None)) as ours:
        ours.execute("CREATE TABLE cats (name)")
        await prepare(address, busy_timeout=1)
        for number in range(1, 3):
            ours.execute("INSERT INTO cats VALUES ('tom')")
            # A reader that believes it is the last one deletes the files that we still need.
            assert await asyncio.to_thread(look, path) == number
    assert mode(path) == 0o600
