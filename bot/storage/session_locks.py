"""Locks by name on PostgreSQL: advisory locks of one session.

They reach over machines, need no lease to renew, and the server releases them when it has not heard
from a machine for 25 seconds. psycopg takes a tenth of a second to import, so that this module is
imported only if the database is PostgreSQL.
"""

from __future__ import annotations

import asyncio
import hashlib
from contextlib import suppress
from typing import Any

import psycopg

from bot.storage.database import StorageUnavailable

# TCP keepalives, on both sides of the connection: seconds of silence before the first, seconds
# between them, and how many may stay unanswered.
# https://www.postgresql.org/docs/current/runtime-config-connection.html
_IDLE, _INTERVAL, _COUNT = 10, 5, 3
_CONNECT_TIMEOUT = 10


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
    return int(hashlib.sha256(name.encode()).hexdigest()[:16], 16) >> 1
