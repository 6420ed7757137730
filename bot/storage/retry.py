"""Waiting for a database that is not there just now."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from stamina import AsyncRetryingCaller

from bot.storage.errors import StorageUnavailable

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

# A database that is restarted is back within this; what was paid for is not thrown away meanwhile.
_PATIENCE = 300.0

T = TypeVar("T")


async def retry_storage(use: Callable[[], Awaitable[T]]) -> T:
    """Use the database, again and again for five minutes; then raises ``StorageUnavailable``."""
    caller = AsyncRetryingCaller(attempts=None, timeout=_PATIENCE, wait_initial=0.5, wait_max=15)
    return await caller(StorageUnavailable, use)
