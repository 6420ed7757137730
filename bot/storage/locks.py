"""Names that only one process on a database may hold at a time.

A name is let go by the system when its process ends, in whatever way; on PostgreSQL also when its
machine has not been heard of for half a minute.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
from contextlib import asynccontextmanager, closing, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import psycopg
import structlog

from bot.errors import ConfigError
from bot.runtime.tasks import in_background, open_in_thread
from bot.storage.address import DatabaseAddress
from bot.storage.availability import StorageUnavailable

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from typing import BinaryIO

# After this a peer that says nothing counts as gone, on either side of the connection: seconds of
# silence, seconds between questions, questions (https://www.postgresql.org/docs/current/runtime-config-connection.html).
_IDLE, _INTERVAL, _COUNT = 10, 5, 3
_CONNECT_TIMEOUT = 10
# A name whose holder was just found dead is held for a moment by whoever clears up after it.
_TRIES, _PAUSE = 4, 0.25
_MAX_WAIT = 300.0
_KEEP_PAUSE = 5.0


class Locks(Protocol):
    """Takes and lets go of names."""

    async def take(self, name: str) -> bool:
        """Take a name unless it is taken, by us or others; raises StorageUnavailable."""

    async def let_go(self, name: str) -> None:
        """Let a name go; costs nothing where it was not ours."""

    async def keep(self) -> frozenset[str]:
        """Make sure of all names taken; return those that are ours no longer.

        Raises StorageUnavailable.
        """


@asynccontextmanager
async def opened(database_url: str) -> AsyncIterator[Locks]:
    """Open the locks of a database: files beside SQLite's, one session's on PostgreSQL."""
    path = DatabaseAddress.parse(database_url).path
    if path is not None:
        with closing(FileLocks(path)) as files:
            yield files
        return
    locks = SessionLocks(database_url)
    try:
        yield locks
    finally:
        await locks.close()


@asynccontextmanager
async def kept(locks: Locks, pause: float = _KEEP_PAUSE) -> AsyncIterator[None]:
    """Look after all names taken while the block runs; say so where one is no longer ours."""
    async with in_background(_keep(locks, pause)):
        yield


async def _keep(locks: Locks, pause: float) -> None:
    log = structlog.get_logger("framehound.locks")
    missed: frozenset[str] = frozenset()
    while True:
        await asyncio.sleep(pause)
        try:
            missing = await locks.keep()
        except StorageUnavailable as error:
            log.warning("database can't be reached", detail=error.detail)
            continue
        if missing - missed:
            log.warning("another process took our name meanwhile", names=len(missing - missed))
        missed = missing


@asynccontextmanager
async def held(locks: Locks, name: str, mistake: str) -> AsyncIterator[None]:
    """Hold ``name`` while the block runs; ConfigError, with ``mistake``, where others hold it."""
    for attempt in range(_TRIES):
        if attempt:
            await asyncio.sleep(_PAUSE)
        if await locks.take(name):
            break
    else:
        raise ConfigError([mistake])
    try:
        yield
    finally:
        await locks.let_go(name)


@asynccontextmanager
async def alone(locks: Locks, name: str) -> AsyncIterator[None]:
    """Run the block while no other process does under the same name.

    It is for saving work, not for safety: whoever waited long enough goes on, and so does
    everybody while the locks' database is away.
    """
    with suppress(StorageUnavailable, TimeoutError):
        async with asyncio.timeout(_MAX_WAIT):
            while not await locks.take(name):  # noqa: ASYNC110 - nobody elsewhere sets our events
                await asyncio.sleep(_PAUSE)
    try:
        yield
    finally:
        await locks.let_go(name)


class FileLocks:
    """Locked files beside a SQLite database, each there as long as its name is held."""

    def __init__(self, database: str) -> None:
        self._database = database
        self._held: dict[str, BinaryIO] = {}

    async def take(self, name: str) -> bool:
        """Lock the name's file."""
        if name in self._held:
            return False
        path = Path(f"{self._database}.{_digest(name)[:8]}.lock")
        file = await open_in_thread(lambda: path.open("wb"))
        # Whoever held the name may have removed the file since it was opened: then it is nobody's.
        if not _lock(file) or not _is_at(path, file):
            file.close()
            return False
        self._held[name] = file
        return True

    async def let_go(self, name: str) -> None:
        """Remove the file and close it, and with it the lock."""
        file = self._held.pop(name, None)
        if file:
            await asyncio.to_thread(_remove, file)

    async def keep(self) -> frozenset[str]:
        """Lose nothing: a file stays locked."""
        return frozenset()

    def close(self) -> None:
        """Let all names go."""
        while self._held:
            _remove(self._held.popitem()[1])


class SessionLocks:
    """Advisory locks of one PostgreSQL session, taken again after the connection was lost."""

    def __init__(self, database_url: str) -> None:
        self._url = database_url
        self._connection: psycopg.AsyncConnection[Any] | None = None
        self._held: set[str] = set()
        self._missing: set[str] = set()
        self._turn = asyncio.Lock()

    async def take(self, name: str) -> bool:
        """Lock the name's number."""
        async with self._turn:
            if name in self._held or not await self._try(name):
                return False
            self._held.add(name)
            return True

    async def let_go(self, name: str) -> None:
        """Unlock the number; a session that is lost has done so itself."""
        async with self._turn:
            if name not in self._held:
                return
            self._held.discard(name)
            self._missing.discard(name)
            with suppress(StorageUnavailable):
                await self._ask("SELECT pg_advisory_unlock(%s)", _number(name))

    async def keep(self) -> frozenset[str]:
        """Try to take again what went with a lost connection."""
        async with self._turn:
            try:
                await self._ask("SELECT true")
            except StorageUnavailable:
                await self._ask("SELECT true")  # with a new connection, or not at all
            for name in sorted(self._missing):
                if await self._try(name):
                    self._missing.discard(name)
            return frozenset(self._missing)

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
            self._missing = set(self._held)
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
            # The server, too, should soon find out that we are gone.
            await connection.execute(f"SET tcp_keepalives_{setting} = {value}")
        return connection


def _lock(file: BinaryIO) -> bool:
    try:
        import fcntl  # noqa: PLC0415 - Windows has none, and there nobody shares a file
    except ImportError:
        return True
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _is_at(path: Path, file: BinaryIO) -> bool:
    """Tell whether this is the file that has the path now."""
    try:
        return os.path.samestat(path.stat(), os.fstat(file.fileno()))
    except FileNotFoundError:
        return False


def _remove(file: BinaryIO) -> None:
    """Remove a file that is locked, then let go of it; where it can't be, it may stay."""
    with file, suppress(OSError):
        Path(file.name).unlink()


def _number(name: str) -> int:
    """Return 63 bits for a name, so that two names meet by chance as good as never."""
    return int(_digest(name)[:16], 16) >> 1


def _digest(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()
