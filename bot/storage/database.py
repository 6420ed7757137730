"""The database, opened once and handed to every store."""

from __future__ import annotations

import sqlite3
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, Self

from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from bot.errors import ConfigError
from bot.storage import schema
from bot.storage.address import DatabaseAddress
from bot.storage.availability import StorageUnavailable
from bot.storage.engine import begin_for_writing, create_engine

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from sqlalchemy import Table
    from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

BUSY_TIMEOUT = 8.0
"""Seconds to wait for another process to finish writing to a SQLite file."""

Insert = postgresql.Insert | sqlite.Insert
"""An INSERT that knows ON CONFLICT, which both databases spell alike."""


class Database:
    """Connections to the one database, in transactions."""

    def __init__(self, engine: AsyncEngine, address: DatabaseAddress) -> None:
        self._reader = engine
        self._writer = begin_for_writing(engine)
        self._address = address

    def __repr__(self) -> str:
        """Show which database this is, without its password."""
        return f"Database({str(self._address)!r})"

    @classmethod
    @asynccontextmanager
    async def open(cls, url: str, *, busy_timeout: float = BUSY_TIMEOUT) -> AsyncIterator[Self]:
        """Open ``sqlite:///path`` or ``postgresql://user@host/db`` with its tables up to date.

        Raises ConfigError, in a sentence without the password, where that can't be done.
        """
        address = DatabaseAddress.parse(url)
        with _mistakes(address):
            engine = await create_engine(address, busy_timeout)
        database = cls(engine, address)
        try:
            with _mistakes(address):
                await database._migrate()
            yield database
        finally:
            await engine.dispose()

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncConnection]:
        """Give a connection to read from; raises StorageUnavailable."""
        with _outages():
            async with self._reader.connect() as connection:
                yield connection

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[AsyncConnection]:
        """Give a transaction to write in, kept unless the block raises.

        Raises StorageUnavailable, also where SQLite's write lock is not free in time.
        """
        with _outages():
            async with self._writer.begin() as connection:
                yield connection

    @property
    def is_postgresql(self) -> bool:
        """Whether this is a PostgreSQL server, which several machines share."""
        return self._reader.dialect.name == "postgresql"

    def insert(self, table: Table) -> Insert:
        """Begin an INSERT that may say what happens ON CONFLICT."""
        if self.is_postgresql:
            return postgresql.insert(table)
        return sqlite.insert(table)

    async def _migrate(self) -> None:
        async with self._reader.connect() as connection:
            if await connection.run_sync(schema.is_current):
                return
        async with self._writer.begin() as connection:
            await connection.run_sync(schema.bring_up_to_date)


@contextmanager
def _mistakes(address: DatabaseAddress) -> Iterator[None]:
    """Tell the operator in a sentence why the database can't be opened."""
    try:
        yield
    except (SQLAlchemyError, sqlite3.Error, OSError) as error:
        raise ConfigError([f"DATABASE_URL: can't open {address}: {_reason(error)}."]) from error


@contextmanager
def _outages() -> Iterator[None]:
    """Turn what a database does on a bad day into StorageUnavailable; bugs stay as they are."""
    try:
        yield
    except (OperationalError, InterfaceError, PoolTimeout) as error:
        if _is_bug(error):
            raise
        raise StorageUnavailable(detail=_reason(error)) from error


def _is_bug(error: SQLAlchemyError) -> bool:
    """Tell bad SQL from a bad day: sqlite3 calls both an OperationalError."""
    original = error.orig if isinstance(error, DBAPIError) else None
    return getattr(original, "sqlite_errorcode", None) == sqlite3.SQLITE_ERROR


def _reason(error: Exception) -> str:
    """Return the first line of what the driver said, without SQL."""
    original = error.orig if isinstance(error, DBAPIError) else error
    if isinstance(original, OSError) and original.strerror:
        return original.strerror
    lines = str(original).splitlines() or [type(original).__name__]
    return lines[0].rstrip(".")
