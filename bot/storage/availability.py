"""What happens if the database is away: the error, and trying again for a while."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from stamina import AsyncRetryingCaller

from bot.errors import FramehoundError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

# A database that restarts is back within this time; paid results should not be lost meanwhile.
_RETRY_SECONDS = 300.0

T = TypeVar("T")


class StorageUnavailable(FramehoundError):
    """The database does not answer, is locked for too long, or is full."""

    code = "storage_unavailable"
    sentence = "I can't reach my database right now; please try again in a few minutes."


async def retry_storage(use: Callable[[], Awaitable[T]]) -> T:
    """Use the database, retrying for up to five minutes; then raises ``StorageUnavailable``."""
    caller = AsyncRetryingCaller(
        attempts=None, timeout=_RETRY_SECONDS, wait_initial=0.5, wait_max=15
    )
    return await caller(StorageUnavailable, use)
