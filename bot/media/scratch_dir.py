"""Where clips lie while they are worked on."""

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

# No clip takes this long: a folder that old belongs to nobody who is alive.
MAX_AGE = 24 * 60 * 60.0
"""Seconds."""

_NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


@asynccontextmanager
async def scratch_dir(scratch_root: Path) -> AsyncIterator[Path]:
    """Make a folder for one clip, gone afterwards; raises ``DiskFull``."""
    with reporting_full_disk(scratch_root):
        folder = await asyncio.to_thread(tempfile.mkdtemp, dir=scratch_root)
    try:
        yield Path(folder)
    finally:
        await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)


@contextmanager
def reporting_full_disk(folder: Path) -> Iterator[None]:
    """Call a full disk by its name: ``DiskFull``."""
    try:
        yield
    except OSError as error:
        if error.errno not in _NO_ROOM:
            raise
        raise DiskFull(detail=f"{folder}: {error.strerror}") from error


async def remove_stale_dirs(scratch_root: Path, oldest: float = MAX_AGE) -> None:
    """Remove what killed processes left: folders not touched for ``oldest`` seconds."""
    await asyncio.to_thread(_sweep, scratch_root, time.time() - oldest)


def _sweep(scratch_root: Path, before: float) -> None:
    with suppress(FileNotFoundError):
        for path in scratch_root.iterdir():
            with suppress(OSError):
                if path.is_dir() and path.lstat().st_mtime < before:
                    shutil.rmtree(path, ignore_errors=True)
