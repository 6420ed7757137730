"""When to call Clarifai again, and when to stop."""

from __future__ import annotations

import asyncio
import math
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, TypeVar

from stamina import AsyncRetryingCaller

from bot.taggers.clarifai.status import CallFailed, Kind

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

_PASSING = frozenset({Kind.THROTTLED, Kind.WAKING, Kind.SERVER})
# A garbled answer may be billed already: asking on and on would cost each time.
_ONCE_MORE = frozenset({Kind.CONNECTION, Kind.GARBLED})

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often and how long to call for one clip; all times in seconds.

    Waits double from ``wait_initial`` up to ``wait_max``, plus up to ``wait_jitter``. Everything,
    waits and turns included, ends with ``deadline``; one request ends with ``request_timeout``.
    """

    attempts: int = 5
    deadline: float = 120.0
    request_timeout: float = 90.0
    wait_initial: float = 0.5
    wait_max: float = 15.0
    wait_jitter: float = 1.0

    async def pursue(self, call: Callable[[], Awaitable[T]]) -> T:
        """Return what ``call`` returns once it does, or raise its last ``CallFailed``."""
        caller = AsyncRetryingCaller(
            attempts=self.attempts,
            timeout=None,
            wait_initial=self.wait_initial,
            wait_max=self.wait_max,
            wait_jitter=self.wait_jitter,
        )
        judgement = _Judgement(asyncio.get_running_loop().time() + self.deadline)
        try:
            async with asyncio.timeout_at(judgement.end):
                return await caller(judgement, call)
        except TimeoutError:
            raise judgement.last or _no_turn(self.deadline) from None


class _Judgement:
    """Decides after each failed call whether another is worth it, and when."""

    def __init__(self, end: float) -> None:
        self.end = end
        self.last: CallFailed | None = None
        self._once_more = True

    def __call__(self, error: Exception) -> bool | float:
        """Return whether to call again, or after how many seconds: stamina's backoff hook."""
        if not isinstance(error, CallFailed):
            return False
        self.last = error
        if error.kind in _ONCE_MORE:
            again, self._once_more = self._once_more, False
            return again
        if error.kind not in _PASSING:
            return False
        if error.retry_after is None:
            return True
        return self._in_time(error.retry_after) and error.retry_after

    def _in_time(self, wait: float) -> bool:
        return asyncio.get_running_loop().time() + wait < self.end


def _no_turn(deadline: float) -> CallFailed:
    return CallFailed(Kind.THROTTLED, f"no turn to call, or no answer, within {deadline:g} s")


def read_retry_after(value: str | None, now: datetime) -> float | None:
    """Return the seconds a ``Retry-After`` header asks for: a number or a date (RFC 9110, 10.2.3).

    None where there is none, or none that says to wait.
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
