"""Deleting many rows in slices, so that others who write never wait long.

SQLite has one writer at a time. How long it takes to delete a row depends on the disk and on how
much belongs to the row, so the size of the next slice follows from how long the last one took.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

LARGEST = 500
"""Rows of the largest slice; statements take a limited number of values."""

_SMALLEST, _FIRST = 10, 20
_WANTED = 0.05
"""Seconds that a slice should take."""


class Slices:
    """The size of the next slice, and the pause after it."""

    def __init__(self) -> None:
        self.size = _FIRST

    def took(self, seconds: float) -> None:
        """Make the next slice larger or smaller, at most twice or a quarter as large."""
        factor = min(2.0, max(0.25, _WANTED / max(seconds, 0.001)))
        self.size = min(LARGEST, max(_SMALLEST, round(self.size * factor)))

    @asynccontextmanager
    async def slice(self, rows: int) -> AsyncIterator[None]:
        """Measure the deletion of some rows; then, if it was a full slice, let others write."""
        began = time.monotonic()
        yield
        seconds = time.monotonic() - began
        if rows >= self.size:
            self.took(seconds)
            await asyncio.sleep(min(seconds, 2 * _WANTED))
