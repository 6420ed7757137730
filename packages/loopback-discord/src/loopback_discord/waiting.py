"""Waiting for something to become true, woken by every change and by nothing else."""

# ruff: noqa: ASYNC109 - a wait that fails says what was missed, which asyncio.timeout could not

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

Found = TypeVar("Found")


class Changes:
    """Whoever changes anything calls ``notify``; whoever waits looks again after each change."""

    def __init__(self, describe: Callable[[], str] = str) -> None:
        self._event = asyncio.Event()
        self._describe = describe

    def notify(self) -> None:
        self._event.set()
        self._event = asyncio.Event()

    def next(self) -> asyncio.Event:
        """Return what will be set by the next change."""
        return self._event

    async def until(self, find: Callable[[], Found | None], what: str, *, timeout: float) -> Found:
        """Return what ``find`` finds; TimeoutError, saying what was missed, after seconds."""
        try:
            async with asyncio.timeout(timeout):
                while (found := find()) is None:
                    await self.next().wait()
        except TimeoutError:
            raise TimeoutError(f"no {what} in {timeout} s. {self._describe()}") from None
        return found
