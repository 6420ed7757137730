"""Background tasks that are cancelled when the block that started them ends."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine
    from typing import BinaryIO


@asynccontextmanager
async def in_background(work: Coroutine[object, object, None]) -> AsyncIterator[None]:
    """Run ``work`` as a task while the block runs, and cancel it when the block ends."""
    task = asyncio.create_task(work)
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def open_in_thread(opening: Callable[[], BinaryIO]) -> BinaryIO:
    """Open a file in a thread; if this is cancelled, the file is closed as soon as it is open.

    A thread can't be cancelled: a file that ``asyncio.to_thread`` opened too late would stay open.
    """
    file = asyncio.get_running_loop().run_in_executor(None, opening)
    try:
        return await asyncio.shield(file)
    except asyncio.CancelledError:
        file.add_done_callback(_close)
        raise


def _close(file: asyncio.Future[BinaryIO]) -> None:
    if not file.cancelled() and not file.exception():
        file.result().close()
