"""A limit on the threads of a task's process.

Linux limits only all processes of a user together, and a container all of its processes, ours too.
"""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING

import psutil  # type: ignore[import-untyped]  # its stubs are a package of their own

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

_SECONDS = 0.5  # between two looks


@asynccontextmanager
async def watching_threads(
    pid: int, limit: int, on_excess: Callable[[int], None]
) -> AsyncIterator[None]:
    """Call ``on_excess`` once if a process has more threads than ``limit`` while the block runs."""
    watching = asyncio.create_task(_watch(pid, limit, on_excess))
    try:
        yield
    finally:
        watching.cancel()


async def _watch(pid: int, limit: int, on_excess: Callable[[int], None]) -> None:
    count = 0
    while count <= limit:
        await asyncio.sleep(_SECONDS)
        with suppress(psutil.Error):
            count = await asyncio.to_thread(_count_threads, pid)
    on_excess(count)


def _count_threads(pid: int) -> int:
    return int(psutil.Process(pid).num_threads())
