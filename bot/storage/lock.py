"""Holding a name that only one process on a database may hold.

It is let go by the system when its process ends, in whatever way.
"""

from __future__ import annotations

import asyncio
import hashlib
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING

import psycopg

from bot.errors import ConfigError
from bot.storage.address import DatabaseAddress

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


@asynccontextmanager
async def held(database_url: str, name: str, mistake: str) -> AsyncIterator[None]:
    """Hold ``name`` while the block runs; ConfigError with ``mistake`` where another process does.

    On SQLite it is a locked file beside the database; on PostgreSQL an advisory lock of a
    connection kept for it.
    """
    address = DatabaseAddress.parse(database_url)
    holder = _file_held(address.path, name) if address.path else _session_held(database_url, name)
    async with holder as got_it:
        if not got_it:
            raise ConfigError([mistake])
        yield


@asynccontextmanager
async def _file_held(database: str, name: str) -> AsyncIterator[bool]:
    with await asyncio.to_thread(open, f"{database}.{_digest(name)[:8]}.lock", "w") as file:
        try:
            import fcntl  # noqa: PLC0415 - Windows has none, and there nobody shares a file
        except ImportError:
            yield True
            return
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True


@asynccontextmanager
async def _session_held(database_url: str, name: str) -> AsyncIterator[bool]:
    # 63 bits, so that two names meet by chance as good as never.
    number = int(_digest(name)[:16], 16) >> 1
    connection = await psycopg.AsyncConnection.connect(database_url, autocommit=True)
    try:
        cursor = await connection.execute("SELECT pg_try_advisory_lock(%s)", (number,))
        row = await cursor.fetchone()
        yield bool(row and row[0])
    finally:
        with suppress(psycopg.Error):
            await connection.close()


def _digest(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()
