"""Connecting to the database: reading its address, and an engine for SQLite or PostgreSQL.

Both engines behave the same: a transaction that writes waits for its turn, nothing is echoed into
errors, and a lost connection is replaced.
"""

from __future__ import annotations

import asyncio
import errno
import os
import sqlite3
import time
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import URL, Connection, event, make_url
from sqlalchemy.exc import ArgumentError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from bot.errors import ConfigError

if TYPE_CHECKING:
    from sqlalchemy.engine.interfaces import DBAPIConnection
    from sqlalchemy.pool import ConnectionPoolEntry

CONNECT_TIMEOUT = 10
"""Seconds that a PostgreSQL server may take to accept a connection."""

_SQLITE = "sqlite:///"
_POSTGRES = "postgresql://"
_RETRY_SECONDS = 0.02


@dataclass(frozen=True, slots=True)
class DatabaseAddress:
    """A parsed DATABASE_URL. Its ``str`` has no secrets; ``url``, for the engine, does."""

    url: URL = field(repr=False)
    shown: str

    @classmethod
    def parse(cls, text: str) -> DatabaseAddress:
        """Parse ``sqlite:///path`` or ``postgresql://user@host/db``; raises ConfigError."""
        if text.startswith(_SQLITE):
            return cls._sqlite(text.removeprefix(_SQLITE))
        if text.startswith(_POSTGRES):
            return cls._postgres(_parse(text))
        raise _mistake(f"must start with {_SQLITE} or {_POSTGRES}")

    @classmethod
    def _sqlite(cls, path: str) -> DatabaseAddress:
        if path in {"", ":memory:"}:
            raise _mistake(f"must name a file, for example {_SQLITE}framehound.sqlite")
        # Not parsed as a URL: % and ? in a path are just characters.
        return cls(URL.create("sqlite+aiosqlite", database=path), _SQLITE + path)

    @classmethod
    def _postgres(cls, url: URL) -> DatabaseAddress:
        if "@" in f"{url.host}{url.database}":
            # After an unescaped special character the parser takes the rest of the password for
            # the host or the database, and those are shown.
            raise _mistake(
                "the user name or password contains @ or /; write %40 for @ and %2F for /"
            )
        # libpq also accepts the password as an option in the query.
        shown = url.set(query={}).render_as_string(hide_password=True)
        return cls(url.set(drivername="postgresql+psycopg"), shown)

    def __str__(self) -> str:
        """Return the address without its password and options."""
        return self.shown

    @property
    def path(self) -> str | None:
        """The file of a SQLite database; None for PostgreSQL."""
        return self.url.database if self.url.get_backend_name() == "sqlite" else None


def queue_url(database_url: str) -> str:
    """Return the address of the job queue's database.

    With SQLite it is a file of its own (``x.db`` and ``x-jobs.db``), so that neither has to wait
    for the other's write lock. PostgreSQL holds both.
    """
    if not database_url.startswith(_SQLITE):
        return database_url
    stem, dot, suffix = database_url.rpartition(".")
    return f"{stem}-jobs.{suffix}" if dot and "/" not in suffix else f"{database_url}-jobs"


async def create_engine(address: DatabaseAddress, busy_timeout: float) -> AsyncEngine:
    """Return an engine; ``busy_timeout`` is for how many seconds to wait for SQLite's write lock.

    Creates a missing SQLite file (mode 0600) and its folder (0700); raises OSError or
    sqlite3.Error if that fails. Does not connect to PostgreSQL yet.
    """
    if address.path is None:
        return _postgres_engine(address)
    await prepare(address, busy_timeout)
    return _sqlite_engine(address, busy_timeout)


async def dispose(engine: AsyncEngine) -> None:
    """Close all connections, and those still in use as soon as they are given back.

    A task that is cancelled while it gives its connection back ends at once, and SQLAlchemy gives
    the connection back a moment later.
    """
    event.listen(engine.sync_engine, "checkin", _close_returned)
    await engine.dispose()


async def prepare(address: DatabaseAddress, busy_timeout: float) -> None:
    """Create a missing SQLite file, readable by its owner only, with a write-ahead log."""
    if address.path is not None:
        await asyncio.to_thread(_prepare_file, Path(address.path), busy_timeout)


async def overwrite_deleted(address: DatabaseAddress, busy_timeout: float) -> None:
    """Empty SQLite's write-ahead log, which still has what was deleted from the database."""
    if address.path is not None:
        await asyncio.to_thread(_empty_log, address.path, busy_timeout)


def set_secure_delete(connection: DBAPIConnection, _entry: ConnectionPoolEntry) -> None:
    """Make SQLite overwrite what is deleted with zeros; not every build does so by itself."""
    cursor = connection.cursor()
    cursor.execute("PRAGMA secure_delete = ON")
    cursor.close()


class OverwritingConnection(sqlite3.Connection):
    """A connection that has SQLite overwrite what is deleted, as ``set_secure_delete`` does."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.execute("PRAGMA secure_delete = ON").close()


def begin_for_writing(engine: AsyncEngine) -> AsyncEngine:
    """Return the engine with transactions that take SQLite's write lock when they begin.

    SQLite refuses a transaction that first reads and then writes at once, without waiting for the
    lock, if somebody wrote in between (https://sqlite.org/isolation.html).
    """
    return engine.execution_options(sqlite_begin="IMMEDIATE")


def _parse(text: str) -> URL:
    try:
        return make_url(text)
    except (ArgumentError, ValueError):
        # Not chained: the parser's error quotes a piece that may be from the password.
        raise _mistake(
            "isn't a database URL; write sqlite:///path or postgresql://user@host/db"
        ) from None


def _mistake(what: str) -> ConfigError:
    return ConfigError([f"DATABASE_URL: {what}."])


def _postgres_engine(address: DatabaseAddress) -> AsyncEngine:
    url = address.url
    if "connect_timeout" not in url.query:
        url = url.update_query_dict({"connect_timeout": str(CONNECT_TIMEOUT)})
    # Testing each connection before use survives a restart of the server.
    return create_async_engine(url, pool_pre_ping=True, hide_parameters=True)


def _sqlite_engine(address: DatabaseAddress, busy_timeout: float) -> AsyncEngine:
    engine = create_async_engine(
        address.url,
        hide_parameters=True,
        # isolation_level None keeps sqlite3 from beginning transactions by itself; _begin does it.
        connect_args={"timeout": busy_timeout, "isolation_level": None},
    )
    event.listen(engine.sync_engine, "connect", _set_pragmas)
    event.listen(engine.sync_engine, "connect", set_secure_delete)
    event.listen(engine.sync_engine, "begin", _begin)
    return engine


def _set_pragmas(connection: DBAPIConnection, _entry: ConnectionPoolEntry) -> None:
    cursor = connection.cursor()
    cursor.execute("PRAGMA foreign_keys = ON")
    # With a write-ahead log NORMAL never corrupts the database; a power cut may lose the last
    # transactions (https://sqlite.org/pragma.html#pragma_synchronous).
    cursor.execute("PRAGMA synchronous = NORMAL")
    cursor.close()


def _close_returned(_connection: DBAPIConnection, entry: ConnectionPoolEntry) -> None:
    entry.close()


def _begin(connection: Connection) -> None:
    mode = connection.get_execution_options().get("sqlite_begin", "DEFERRED")
    connection.exec_driver_sql(f"BEGIN {mode}")


def _prepare_file(path: Path, busy_timeout: float) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    # SQLite gives its side files (-wal, -shm) the mode of the database. An existing file must not
    # be opened here: closing it would drop the locks that this process' connections hold on it
    # (https://sqlite.org/howtocorrupt.html, 2.2).
    if path.is_dir():
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    with suppress(FileExistsError):
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
    with closing(sqlite3.connect(path, timeout=busy_timeout, isolation_level=None)) as connection:
        _use_write_ahead_log(connection, time.monotonic() + busy_timeout)


def _empty_log(path: str, busy_timeout: float) -> None:
    with closing(sqlite3.connect(path, timeout=busy_timeout, isolation_level=None)) as connection:
        # If somebody reads for longer than the timeout, the log stays as it is until the next time.
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()


def _use_write_ahead_log(connection: sqlite3.Connection, deadline: float) -> None:
    """Let readers work beside the writer; the setting is kept in the file.

    Two processes that do this to a new file at once refuse each other without waiting, whatever
    the busy timeout is; hence the loop.
    """
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(_RETRY_SECONDS)
        else:
            return
