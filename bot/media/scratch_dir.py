"""Temporary folders for clips that are being worked on."""

from __future__ import annotations

import asyncio
import errno
import shutil
import tempfile
import time
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from bot.errors import DiskFull

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

MAX_AGE = 24 * 60 * 60.0
"""Seconds. No clip takes this long: an older folder was left by a killed process."""

_DISK_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


@asynccontextmanager
async def scratch_dir(scratch_root: Path) -> AsyncIterator[Path]:
    """Make a folder for one clip and remove it afterwards; raises ``DiskFull``."""
    with reporting_full_disk(scratch_root):
        folder = await asyncio.to_thread(tempfile.mkdtemp, dir=scratch_root)
    try:
        yield Path(folder)
    finally:
        await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)


@contextmanager
def reporting_full_disk(folder: Path) -> Iterator[None]:
    """Turn the errors of a full disk into ``DiskFull``."""
    try:
        yield
    except OSError as error:
        if error.errno not in _DISK_FULL:
            raise
        raise DiskFull(detail=f"{folder}: {error.strerror}") from error


async def remove_stale_dirs(scratch_root: Path, max_age: float = MAX_AGE) -> None:
    """Remove folders that killed processes left: those unchanged for ``max_age`` seconds."""
    await asyncio.to_thread(_remove_older, scratch_root, time.time() - max_age)


def _remove_older(scratch_root: Path, before: float) -> None:
    with suppress(FileNotFoundError):
        for path in scratch_root.iterdir():
            with suppress(OSError):
                if path.is_dir() and path.lstat().st_mtime < before:
                    shutil.rmtree(path, ignore_errors=True)
