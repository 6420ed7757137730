"""Retrying calls to a tagging service: how often, how long, and after which failures."""

from __future__ import annotations

import asyncio
import math
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, TypeVar

from stamina import AsyncRetryingCaller

from bot.taggers.failures import CallFailed, Kind

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

_TEMPORARY = frozenset({Kind.THROTTLED, Kind.STARTING, Kind.SERVER})
# A garbled response may be billed already, and so may each retry. A model that is not deployed may
# be woken by the call and say then that it starts; otherwise it was taken down.
_RETRY_ONCE = frozenset({Kind.CONNECTION, Kind.GARBLED, Kind.NOT_DEPLOYED})

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often and how long to try for one clip; all times in seconds.

    Waits double from ``wait_initial`` to ``wait_max``, plus up to ``wait_jitter``. Everything, rate
    limiting and waits included, ends after ``deadline``; one request after ``request_timeout``.
    """

    attempts: int = 5
    deadline: float = 120.0
    request_timeout: float = 90.0
    wait_initial: float = 0.5
    wait_max: float = 15.0
    wait_jitter: float = 1.0

    async def retry(self, call: Callable[[], Awaitable[T]]) -> T:
        """Return the result of ``call`` once it succeeds; raises its last ``CallFailed``."""
        caller = AsyncRetryingCaller(
            attempts=self.attempts,
            timeout=None,
            wait_initial=self.wait_initial,
            wait_max=self.wait_max,
            wait_jitter=self.wait_jitter,
        )
        decision = _Decision(asyncio.get_running_loop().time() + self.deadline)
        try:
            async with asyncio.timeout_at(decision.end):
                return await caller(decision, call)
        except TimeoutError:
            raise decision.last or _no_call_in_time(self.deadline) from None


class _Decision:
    """Decides after each failed call whether to retry, and when."""

    def __init__(self, end: float) -> None:
        self.end = end
        self.last: CallFailed | None = None
        self._may_retry_once = True

    def __call__(self, error: Exception) -> bool | float:
        """Return whether to retry, or after how many seconds (stamina's backoff hook)."""
        if not isinstance(error, CallFailed):
            return False
        self.last = error
        if error.kind in _RETRY_ONCE:
            again, self._may_retry_once = self._may_retry_once, False
            return again
        if error.kind not in _TEMPORARY:
            return False
        if error.retry_after is None:
            return True
        return self._in_time(error.retry_after) and error.retry_after

    def _in_time(self, wait: float) -> bool:
        return asyncio.get_running_loop().time() + wait < self.end


def _no_call_in_time(deadline: float) -> CallFailed:
    return CallFailed(
        Kind.THROTTLED, f"the rate limit or the service left no answer within {deadline:g} s"
    )


def read_retry_after(value: str | None, now: datetime) -> float | None:
    """Return the seconds in a ``Retry-After`` header: a number or a date (RFC 9110, 10.2.3).

    None without the header, or if it does not ask to wait.
    """
    if value is None:
        return None
    try:
        seconds = float(value)
    except ValueError:
        seconds = _seconds_until(value, now)
    return seconds if math.isfinite(seconds) and seconds > 0 else None


def _seconds_until(date: str, now: datetime) -> float:
    try:
        moment = parsedate_to_datetime(date)
    except ValueError:
        return math.nan
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return (aware - now).total_seconds()
