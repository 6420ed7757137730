"""Locks by name: only one of the processes that share a database holds a name at a time.

When a process ends, in whatever way, the operating system releases its names. On SQLite they are
lock files. On PostgreSQL they are advisory locks of a session: they reach over machines, need no
lease to renew, and the server releases them when it has not heard from a machine for 25 seconds.
"""

from __future__ import annotations

import asyncio
import hashlib
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import psycopg
import structlog

from bot.errors import ConfigError
from bot.runtime.tasks import in_background
from bot.storage.database import StorageUnavailable
from bot.storage.engine import DatabaseAddress

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from filelock import AsyncFileLock

# TCP keepalives, on both sides of the connection: seconds of silence before the first, seconds
# between them, and how many may stay unanswered.
# https://www.postgresql.org/docs/current/runtime-config-connection.html
_IDLE, _INTERVAL, _COUNT = 10, 5, 3
_CONNECT_TIMEOUT = 10
# Recovery holds the name of a dead process for a moment while it takes over that process's jobs.
_TRIES, _PAUSE = 4, 0.25
_MAX_WAIT = 300.0
_MAINTAIN_PAUSE = 5.0


class Locks(Protocol):
    """Acquires and releases names."""

    async def acquire(self, name: str) -> bool:
        """Acquire a name; return False if it is held, by us or others.

        Raises ``StorageUnavailable``.
        """

    async def release(self, name: str) -> None:
        """Release a name; does nothing if we don't hold it."""

    async def maintain(self) -> frozenset[str]:
        """Acquire again what was lost with a connection; return the names that others hold now.

        Raises ``StorageUnavailable``.
        """

    async def close(self) -> None:
        """Release all names."""


@asynccontextmanager
async def opened(database_url: str) -> AsyncIterator[Locks]:
    """Open the locks of a database; all names are released at the end."""
    path = DatabaseAddress.parse(database_url).path
    locks: Locks = SessionLocks(database_url) if path is None else FileLocks(path)
    try:
        yield locks
    finally:
        await locks.close()


@asynccontextmanager
async def maintained(locks: Locks, pause: float = _MAINTAIN_PAUSE) -> AsyncIterator[None]:
    """Maintain all names while the block runs; log a warning if one is lost to others."""
    async with in_background(_maintain(locks, pause)):
        yield


async def _maintain(locks: Locks, pause: float) -> None:
    log = structlog.get_logger("framehound.locks")
    known: frozenset[str] = frozenset()
    while True:
        await asyncio.sleep(pause)
        try:
            lost = await locks.maintain()
        except StorageUnavailable as error:
            log.warning("database unreachable", detail=error.detail)
            continue
        if lost - known:
            log.warning("locks lost to another process", locks=len(lost - known))
        known = lost


@asynccontextmanager
async def held(locks: Locks, name: str, mistake: str) -> AsyncIterator[None]:
    """Hold ``name`` while the block runs; raises ConfigError(mistake) if others hold it."""
    for attempt in range(_TRIES):
        if attempt:
            await asyncio.sleep(_PAUSE)
        if await locks.acquire(name):
            break
    else:
        raise ConfigError([mistake])
    try:
        yield
    finally:
        await locks.release(name)


@asynccontextmanager
async def alone(locks: Locks, name: str) -> AsyncIterator[None]:
    """Run the block while no other process runs one under the same name.

    This saves work but guarantees nothing: after five minutes, or if the database is away, the
    block runs anyway.
    """
    with suppress(StorageUnavailable, TimeoutError):
        async with asyncio.timeout(_MAX_WAIT):
            while not await locks.acquire(name):  # noqa: ASYNC110 - other processes can't set events
                await asyncio.sleep(_PAUSE)
    try:
        yield
    finally:
        await locks.release(name)


class FileLocks:
    """Lock files beside a SQLite database; a file exists while its name is held."""

    def __init__(self, database: str) -> None:
        self._database = database
        self._held: dict[str, AsyncFileLock] = {}

    async def acquire(self, name: str) -> bool:
        """Lock the name's file."""
        from filelock import AsyncFileLock, Timeout  # noqa: PLC0415 - the command line stays quick

        if name in self._held:
            return False
        lock = AsyncFileLock(f"{self._database}.{_digest(name)[:8]}.lock", blocking=False)
        try:
            await lock.acquire()
        except Timeout:
            return False
        self._held[name] = lock
        return True

    async def release(self, name: str) -> None:
        """Remove the file and unlock it."""
        lock = self._held.pop(name, None)
        if lock:
            # Before it is unlocked: filelock notices if a file that it locks was removed meanwhile.
            with suppress(OSError):
                await asyncio.to_thread(Path(lock.lock_file).unlink)
            await lock.release()

    async def maintain(self) -> frozenset[str]:
        """Lose nothing: a file stays locked."""
        return frozenset()

    async def close(self) -> None:
        """Release all names."""
        for name in list(self._held):
            await self.release(name)


class SessionLocks:
    """Advisory locks of one PostgreSQL session, acquired again after the connection was lost."""

    def __init__(self, database_url: str) -> None:
        self._url = database_url
        self._connection: psycopg.AsyncConnection[Any] | None = None
        self._held: set[str] = set()
        self._lost: set[str] = set()
        self._lock = asyncio.Lock()  # a session runs one query at a time

    async def acquire(self, name: str) -> bool:
        """Lock the number of the name."""
        async with self._lock:
            if name in self._held or not await self._try(name):
                return False
            self._held.add(name)
            return True

    async def release(self, name: str) -> None:
        """Unlock the number; the end of a lost session has already done so."""
        async with self._lock:
            if name not in self._held:
                return
            self._held.discard(name)
            self._lost.discard(name)
            with suppress(StorageUnavailable):
                await self._ask("SELECT pg_advisory_unlock(%s)", _number(name))

    async def maintain(self) -> frozenset[str]:
        """Acquire again what was lost with a connection."""
        async with self._lock:
            try:
                await self._ask("SELECT true")
            except StorageUnavailable:
                await self._ask("SELECT true")  # with a new connection, or not at all
            for name in sorted(self._lost):
                if await self._try(name):
                    self._lost.discard(name)
            return frozenset(self._lost)

    async def close(self) -> None:
        """End the session."""
        if self._connection:
            with suppress(psycopg.Error):
                await self._connection.close()

    async def _try(self, name: str) -> bool:
        return await self._ask("SELECT pg_try_advisory_lock(%s)", _number(name))

    async def _ask(self, query: str, *values: int) -> bool:
        try:
            connection = self._connection or await self._connect()
            row = await (await connection.execute(query, values)).fetchone()
        except psycopg.Error as error:
            await self.close()
            self._connection = None
            self._lost = set(self._held)
            raise StorageUnavailable(detail=str(error).partition("\n")[0]) from error
        return bool(row and row[0])

    async def _connect(self) -> psycopg.AsyncConnection[Any]:
        connection = self._connection = await psycopg.AsyncConnection.connect(
            self._url,
            autocommit=True,
            connect_timeout=_CONNECT_TIMEOUT,
            keepalives_idle=_IDLE,
            keepalives_interval=_INTERVAL,
            keepalives_count=_COUNT,
            tcp_user_timeout=1000 * (_IDLE + _INTERVAL * _COUNT),
        )
        for setting, value in (("idle", _IDLE), ("interval", _INTERVAL), ("count", _COUNT)):
            # The server should soon notice, too, if we are gone.
            await connection.execute(f"SET tcp_keepalives_{setting} = {value}")
        return connection


def _number(name: str) -> int:
    """Return 63 bits of the name's hash, so that two names practically never collide."""
    return int(_digest(name)[:16], 16) >> 1


def _digest(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()
