"""A request to stop ends what waits for it."""

from __future__ import annotations

import asyncio

from bot.runtime.shutdown import Shutdown


async def test_a_sleep_ends_when_shutdown_is_requested() -> None:
    shutdown = Shutdown()
    asyncio.get_running_loop().call_soon(shutdown.request)
    async with asyncio.timeout(60):
        await shutdown.sleep(60)


async def test_a_coroutine_is_cancelled_when_shutdown_is_requested() -> None:
    shutdown = Shutdown()
    asyncio.get_running_loop().call_soon(shutdown.request)
    async with asyncio.timeout(60):
        await shutdown.interrupts(asyncio.sleep(60))
    assert shutdown.requested
