"""Shutdown on SIGTERM or SIGINT: the first signal asks for it, a second one ends the process."""

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
    """A request to stop, for all parts of a program that run until then."""

    def __init__(self) -> None:
        self._event = asyncio.Event()

    @property
    def requested(self) -> bool:
        """Whether the program was asked to stop."""
        return self._event.is_set()

    def request(self) -> None:
        """Ask the program to stop."""
        self._event.set()

    async def sleep(self, seconds: float) -> None:
        """Sleep, at most until shutdown is requested."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._event.wait()

    async def wait(self) -> None:
        """Wait until shutdown is requested."""
        await self._event.wait()

    async def interrupts(self, doing: Coroutine[object, object, None]) -> None:
        """Run a coroutine to its end, or cancel it when shutdown is requested."""
        task = asyncio.ensure_future(doing)
        requested = asyncio.ensure_future(self._event.wait())
        try:
            await asyncio.wait({task, requested}, return_when=asyncio.FIRST_COMPLETED)
            if not task.done():
                task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        finally:
            requested.cancel()
            task.cancel()


@asynccontextmanager
async def shutdown_signals() -> AsyncIterator[Shutdown]:
    """Listen for SIGTERM and SIGINT; discord.py itself does not listen for SIGTERM."""
    loop = asyncio.get_running_loop()
    shutdown = Shutdown()

    def handle(number: signal.Signals) -> None:
        if shutdown.requested:
            os._exit(128 + number)
        structlog.get_logger("framehound").info("shutting down")
        shutdown.request()

    with suppress(NotImplementedError):  # Windows
        for number in _SIGNALS:
            loop.add_signal_handler(number, handle, number)
    try:
        yield shutdown
    finally:
        with suppress(NotImplementedError):
            for number in _SIGNALS:
                loop.remove_signal_handler(number)
