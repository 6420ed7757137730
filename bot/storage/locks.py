"""Locks by name: only one of the processes that share a database holds a name at a time.

When a process ends, in whatever way, the operating system releases its names. On SQLite they are
lock files, on PostgreSQL the advisory locks of ``bot.storage.session_locks``.
"""

from __future__ import annotations

import asyncio
import hashlib
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import structlog

from bot.errors import ConfigError
from bot.runtime.tasks import in_background
from bot.storage.database import StorageUnavailable
from bot.storage.engine import DatabaseAddress

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from filelock import AsyncFileLock

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
    locks = _locks(database_url)
    try:
        yield locks
    finally:
        await locks.close()


def _locks(database_url: str) -> Locks:
    path = DatabaseAddress.parse(database_url).path
    if path is not None:
        return FileLocks(path)
    from bot.storage.session_locks import SessionLocks  # noqa: PLC0415 - imports psycopg

    return SessionLocks(database_url)


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


def _digest(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()
