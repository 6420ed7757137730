"""The database that all stores use: transactions, failures, and retrying while it is away."""

from __future__ import annotations

import sqlite3
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Self, TypeVar

from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from stamina import AsyncRetryingCaller

from bot.errors import ConfigError, FramehoundError
from bot.storage import schema, text_index
from bot.storage.engine import (
    DatabaseAddress,
    begin_for_writing,
    create_engine,
    dispose,
    overwrite_deleted,
    queue_url,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence

    from sqlalchemy import Table
    from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

T = TypeVar("T")

BUSY_TIMEOUT = 8.0
"""Seconds to wait for another process to finish writing to a SQLite file."""

# A database that restarts is back within this time; paid results should not be lost meanwhile.
_RETRY_SECONDS = 300.0

Insert = postgresql.Insert | sqlite.Insert
"""An INSERT with ON CONFLICT, which both databases write the same way."""


class StorageUnavailable(FramehoundError):
    """The database does not answer, is locked for too long, or is full."""

    code = "storage_unavailable"
    sentence = "I can't reach my database right now. Try again in a few minutes."


class Database:
    """Transactions on one database."""

    def __init__(self, engine: AsyncEngine, address: DatabaseAddress) -> None:
        self._reader = engine
        self._writer = begin_for_writing(engine)
        self._address = address

    def __str__(self) -> str:
        """Return the address without its password."""
        return str(self._address)

    def __repr__(self) -> str:
        """Return the address without its password."""
        return f"Database({str(self)!r})"

    @classmethod
    @asynccontextmanager
    async def open(cls, url: str, *, busy_timeout: float = BUSY_TIMEOUT) -> AsyncIterator[Self]:
        """Open ``sqlite:///path`` or ``postgresql://user@host/db`` and bring its tables up to date.

        Raises ConfigError, with one sentence that shows no password, if that fails.
        """
        address = DatabaseAddress.parse(url)
        with _config_errors(address):
            engine = await create_engine(address, busy_timeout)
        database = cls(engine, address)
        try:
            with _config_errors(address):
                await database._migrate(url)
            yield database
        finally:
            await dispose(engine)

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncConnection]:
        """Give a connection to read from; raises StorageUnavailable."""
        with _outages():
            async with self._reader.connect() as connection:
                yield connection

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[AsyncConnection]:
        """Give a transaction, which is committed unless the block raises.

        Raises StorageUnavailable, also if SQLite's write lock does not get free in time.
        """
        with _outages():
            async with self._writer.begin() as connection:
                yield connection

    @property
    def is_postgresql(self) -> bool:
        """Whether this is a PostgreSQL server, which several machines can share."""
        return self._reader.dialect.name == "postgresql"

    def insert(self, table: Table) -> Insert:
        """Return an INSERT that supports ON CONFLICT."""
        if self.is_postgresql:
            return postgresql.insert(table)
        return sqlite.insert(table)

    async def has_text_index(self) -> bool:
        """Return whether parts of words are found fast, which PostgreSQL needs pg_trgm for."""
        async with self.reading() as connection:
            return await connection.run_sync(text_index.exists)

    async def overwrite_deleted(self) -> None:
        """Make sure that what was deleted from a SQLite file can't be read from the disk."""
        await overwrite_deleted(self._address, BUSY_TIMEOUT)

    async def _migrate(self, url: str) -> None:
        # Looked for before the tables are, as another process may create both meanwhile.
        queue = _queue_file(url)
        async with self._reader.connect() as connection:
            if await connection.run_sync(schema.is_current):
                return
            if queue and await connection.run_sync(schema.current_revision) is None:
                raise _stray_queue(queue)
        async with self._writer.begin() as connection:
            await connection.run_sync(schema.bring_up_to_date)


async def retry_storage(use: Callable[[], Awaitable[T]]) -> T:
    """Use the database, retrying for up to five minutes; then raises ``StorageUnavailable``."""
    caller = AsyncRetryingCaller(
        attempts=None, timeout=_RETRY_SECONDS, wait_initial=0.5, wait_max=15
    )
    return await caller(StorageUnavailable, use)


def batched(values: Sequence[T], size: int = 500) -> Iterator[Sequence[T]]:
    """Yield values in batches, as databases limit the number of values in a statement."""
    for start in range(0, len(values), size):
        yield values[start : start + size]


def _queue_file(url: str) -> str | None:
    """Return the path of the job queue beside a SQLite database, if it exists."""
    path = DatabaseAddress.parse(queue_url(url)).path
    return path if path and Path(path).exists() else None


def _stray_queue(path: str) -> ConfigError:
    """Return the error for a new database beside the job queue of another one.

    A queue is only created after its tables. Without them its jobs are from an older database,
    perhaps of a development version, and must not run.
    """
    reason = "holds the jobs of an older database, which is gone"
    return ConfigError(
        [f"DATABASE_URL: {path} {reason}; please move it away too, or name another database."]
    )


@contextmanager
def _config_errors(address: DatabaseAddress) -> Iterator[None]:
    """Turn the errors of opening a database into ConfigError."""
    try:
        yield
    except (SQLAlchemyError, sqlite3.Error, OSError) as error:
        raise ConfigError([f"DATABASE_URL: can't open {address}: {_reason(error)}."]) from error


@contextmanager
def _outages() -> Iterator[None]:
    """Turn outages into StorageUnavailable; bugs keep their own errors."""
    try:
        yield
    except (OperationalError, InterfaceError, PoolTimeout) as error:
        if _is_bug(error):
            raise
        raise StorageUnavailable(detail=_reason(error)) from error


def _is_bug(error: SQLAlchemyError) -> bool:
    """Return whether the SQL is wrong, for which sqlite3 raises OperationalError as well."""
    original = error.orig if isinstance(error, DBAPIError) else None
    return getattr(original, "sqlite_errorcode", None) == sqlite3.SQLITE_ERROR


def _reason(error: Exception) -> str:
    """Return the first line of the driver's message, without SQL."""
    original = error.orig if isinstance(error, DBAPIError) else error
    if isinstance(original, OSError) and original.strerror:
        return original.strerror
    lines = str(original).splitlines() or [type(original).__name__]
    return lines[0].rstrip(".")
