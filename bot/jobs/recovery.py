"""Taking over the jobs of workers that died.

Each worker holds a lock under its name as long as it lives (``bot.storage.locks``). A worker that
has jobs running although nobody holds its name is dead, and its jobs go back in the queue.
"""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Protocol

import structlog

from bot.runtime.tasks import in_background
from bot.storage.database import StorageUnavailable

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from bot.storage.locks import Locks

# A worker counts as dead if two checks in a row find its name free: right after a database was
# restarted each name is free until its worker has taken it again.
_PAUSE = 5.0


class RecoverableQueue(Protocol):
    """A queue whose jobs may outlive their worker."""

    async def other_workers(self) -> set[str]:
        """Return the ids of the other workers that have jobs running."""

    async def recover(self, worker_id: str) -> int:
        """Put a worker's running jobs back in the queue; return how many."""


class Recovery:
    """Checks every ``pause`` seconds for dead workers, and takes over their jobs."""

    def __init__(self, queue: RecoverableQueue, locks: Locks, pause: float = _PAUSE) -> None:
        self._queue = queue
        self._locks = locks
        self._pause = pause
        self._suspects: set[str] = set()
        self._log = structlog.get_logger("framehound.recovery")

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Check while the block runs."""
        async with in_background(self._check_repeatedly()):
            yield

    async def check(self) -> None:
        """Check once; raises StorageUnavailable."""
        suspects = set()
        for worker_id in await self._queue.other_workers():
            if not await self._locks.acquire(worker_name(worker_id)):
                continue
            try:
                if worker_id in self._suspects:
                    jobs = await self._queue.recover(worker_id)
                    self._log.warning(
                        "jobs of a dead worker recovered", worker=worker_id, jobs=jobs
                    )
                else:
                    suspects.add(worker_id)
            finally:
                await self._locks.release(worker_name(worker_id))
        self._suspects = suspects

    async def _check_repeatedly(self) -> None:
        while True:
            try:
                await self.check()
            except StorageUnavailable as error:
                self._log.warning("database unreachable", detail=error.detail)
            except Exception:  # noqa: BLE001 - logged whole; the next check may succeed
                self._log.exception("dead worker check failed")
            await asyncio.sleep(self._pause)


def worker_name(worker_id: str) -> str:
    """Return the name of the lock that a worker holds as long as it lives."""
    return f"worker {worker_id}"
