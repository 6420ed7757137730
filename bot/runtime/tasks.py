"""Work that goes on beside other work, for as long as that lasts."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine
    from typing import BinaryIO


@asynccontextmanager
async def in_background(work: Coroutine[object, object, None]) -> AsyncIterator[None]:
    """Have ``work`` done while the block runs; it is called off when the block ends."""
    task = asyncio.create_task(work)
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def open_in_thread(opening: Callable[[], BinaryIO]) -> BinaryIO:
    """Open a file in a thread, and close it there and then if nobody waits for it any more.

    A thread can't be called off: what ``asyncio.to_thread`` opened too late would stay open.
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
