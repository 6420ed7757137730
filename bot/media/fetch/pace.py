"""A minimum speed for downloads: a host that sends next to nothing is given up."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


@dataclass(frozen=True, slots=True)
class Pace:
    """The slowest pace of a download: bytes per number of seconds, 13 kB/s by default."""

    size: int = 256 * 1024
    seconds: float = 20.0

    @asynccontextmanager
    async def kept(self) -> AsyncIterator[PaceTimer]:
        """Run the block; raises ``TimeoutError`` if the download falls behind."""
        async with asyncio.timeout(self.seconds) as timeout:
            yield PaceTimer(self, timeout)


class PaceTimer:
    """Notes what arrives of one download."""

    def __init__(self, pace: Pace, timeout: asyncio.Timeout) -> None:
        self._pace = pace
        self._timeout = timeout
        self._received = 0

    def received(self, size: int) -> None:
        """Count bytes that arrived."""
        self._received += size
        if self._received >= self._pace.size:
            self.restart()

    def restart(self) -> None:
        """Give the download its full time again."""
        self._received = 0
        self._timeout.reschedule(asyncio.get_running_loop().time() + self._pace.seconds)
