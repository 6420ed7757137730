"""Clearing up after processes that were killed while they worked on clips."""

from __future__ import annotations

import asyncio
import shutil
import time
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

# No clip takes this long: a folder that old belongs to nobody who is alive.
OLDEST = 24 * 60 * 60.0
"""Seconds."""


async def sweep(folder: Path, oldest: float = OLDEST) -> None:
    """Remove what lies in ``folder`` and was not touched for ``oldest`` seconds."""
    await asyncio.to_thread(_sweep, folder, time.time() - oldest)


def _sweep(folder: Path, before: float) -> None:
    with suppress(FileNotFoundError):
        for path in folder.iterdir():
            with suppress(OSError):
                if path.is_dir() and path.lstat().st_mtime < before:
                    shutil.rmtree(path, ignore_errors=True)
