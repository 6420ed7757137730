"""The engine: connections to either database, set up so that both behave the same."""

from __future__ import annotations

import asyncio
import errno
import os
import sqlite3
import time
from contextlib import closing, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, event
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

if TYPE_CHECKING:
    from sqlalchemy.engine.interfaces import DBAPIConnection
    from sqlalchemy.pool import ConnectionPoolEntry

    from bot.storage.address import DatabaseAddress

CONNECT_TIMEOUT = 10
"""Seconds a PostgreSQL server may take to answer a new connection."""

_RETRY_PAUSE = 0.02


async def create_engine(address: DatabaseAddress, busy_timeout: float) -> AsyncEngine:
    """Return an engine; ``busy_timeout`` is how many seconds to wait for SQLite's write lock.

    Creates a missing SQLite file (mode 0600) and its folder (0700); raises OSError or
    sqlite3.Error where that can't be done. PostgreSQL is not touched yet.
    """
    if address.path is None:
        return _postgres_engine(address)
    await prepare(address, busy_timeout)
    return _sqlite_engine(address, busy_timeout)


async def prepare(address: DatabaseAddress, busy_timeout: float) -> None:
    """Make a SQLite file that is not there, for its owner's eyes alone, with a write-ahead log."""
    if address.path is not None:
        await asyncio.to_thread(_prepare_file, Path(address.path), busy_timeout)


def begin_for_writing(engine: AsyncEngine) -> AsyncEngine:
    """Return the same engine, whose transactions take SQLite's write lock as they begin.

    A transaction that begins by reading and writes later is refused at once, without waiting for
    the lock, when somebody wrote in between (https://sqlite.org/isolation.html).
    """
    return engine.execution_options(sqlite_begin="IMMEDIATE")


def _postgres_engine(address: DatabaseAddress) -> AsyncEngine:
    url = address.url
    if "connect_timeout" not in url.query:
        url = url.update_query_dict({"connect_timeout": str(CONNECT_TIMEOUT)})
    # Asking each connection whether it lives, before use, survives a restart of the server.
    return create_async_engine(url, pool_pre_ping=True, hide_parameters=True)


def _sqlite_engine(address: DatabaseAddress, busy_timeout: float) -> AsyncEngine:
    engine = create_async_engine(
        address.url,
        hide_parameters=True,
        # isolation_level None: sqlite3 begins no transactions of its own accord; _begin does.
        connect_args={"timeout": busy_timeout, "isolation_level": None},
    )
    event.listen(engine.sync_engine, "connect", _set_pragmas)
    event.listen(engine.sync_engine, "begin", _begin)
    return engine


def _set_pragmas(connection: DBAPIConnection, _entry: ConnectionPoolEntry) -> None:
    cursor = connection.cursor()
    cursor.execute("PRAGMA foreign_keys = ON")
    # With a write-ahead log NORMAL never damages the database; a power cut may cost the last
    # transactions (https://sqlite.org/pragma.html#pragma_synchronous).
    cursor.execute("PRAGMA synchronous = NORMAL")
    cursor.close()


def _begin(connection: Connection) -> None:
    mode = connection.get_execution_options().get("sqlite_begin", "DEFERRED")
    connection.exec_driver_sql(f"BEGIN {mode}")


def _prepare_file(path: Path, busy_timeout: float) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    # SQLite gives its side files (-wal, -shm) the mode of the database itself. A file that is there
    # is not opened: closing it would drop the locks this process' own connections have on it
    # (https://sqlite.org/howtocorrupt.html, 2.2).
    if path.is_dir():
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    with suppress(FileExistsError):
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
    with closing(sqlite3.connect(path, timeout=busy_timeout, isolation_level=None)) as connection:
        _use_write_ahead_log(connection, time.monotonic() + busy_timeout)


def _use_write_ahead_log(connection: sqlite3.Connection, deadline: float) -> None:
    """Let readers and the writer work side by side; the file remembers the choice.

    Two processes that do this to a new file at once refuse each other without waiting, whatever
    the busy timeout, hence the loop.
    """
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(_RETRY_PAUSE)
        else:
            return
