"""Stopping well: the first signal asks, a second one insists."""

from __future__ import annotations

import asyncio
import os
import signal
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING

import structlog

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Coroutine

_SIGNALS = (signal.SIGTERM, signal.SIGINT)


class Shutdown:
    """Set once the program has been told to stop."""

    def __init__(self) -> None:
        self._asked = asyncio.Event()

    @property
    def asked(self) -> bool:
        """Whether it was told."""
        return self._asked.is_set()

    def ask(self) -> None:
        """Tell it to stop."""
        self._asked.set()

    async def pause(self, seconds: float) -> None:
        """Sleep, unless it is told to stop."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._asked.wait()

    async def wait(self) -> None:
        """Wait until it is told to stop."""
        await self._asked.wait()

    async def interrupts(self, doing: Coroutine[object, object, None]) -> None:
        """Do something until it is done, or give it up where the program is told to stop."""
        task = asyncio.ensure_future(doing)
        asked = asyncio.ensure_future(self._asked.wait())
        try:
            await asyncio.wait({task, asked}, return_when=asyncio.FIRST_COMPLETED)
            if not task.done():
                task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        finally:
            asked.cancel()
            task.cancel()


@asynccontextmanager
async def shutdown_signals() -> AsyncIterator[Shutdown]:
    """Listen for SIGTERM and SIGINT; discord.py itself does not listen for SIGTERM."""
    loop = asyncio.get_running_loop()
    stop = Shutdown()

    def hear(number: signal.Signals) -> None:
        if stop.asked:
            os._exit(128 + number)
        structlog.get_logger("framehound").info("stopping")
        stop.ask()

    with suppress(NotImplementedError):  # Windows
        for number in _SIGNALS:
            loop.add_signal_handler(number, hear, number)
    try:
        yield stop
    finally:
        with suppress(NotImplementedError):
            for number in _SIGNALS:
                loop.remove_signal_handler(number)
