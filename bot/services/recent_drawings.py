"""What was drawn last for buttons, so that pressing one again draws nothing."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar
from weakref import WeakValueDictionary

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Hashable

T = TypeVar("T")

_MAX_BYTES = 16_000_000
# Retention may delete taggings; what was drawn from them must not outlive them for long.
_MAX_SECONDS = 300.0


@dataclass(frozen=True, slots=True)
class _Drawing(Generic[T]):
    drawn: T
    size: int
    made_at: float


class RecentDrawings(Generic[T]):
    """A cache of some megabytes and minutes; what several people want at once is drawn once."""

    def __init__(self, size_of: Callable[[T], int], max_bytes: int = _MAX_BYTES) -> None:
        self._size_of = size_of
        self._max_bytes = max_bytes
        self._kept: OrderedDict[Hashable, _Drawing[T]] = OrderedDict()
        self._in_progress: WeakValueDictionary[Hashable, asyncio.Lock] = WeakValueDictionary()

    async def get(self, key: Hashable, draw: Callable[[], Awaitable[T]]) -> T:
        """Return what was drawn under a key, or else ``draw`` it."""
        lock = self._in_progress.setdefault(key, asyncio.Lock())
        async with lock:
            kept = self._kept.get(key)
            if kept and time.monotonic() - kept.made_at < _MAX_SECONDS:
                self._kept.move_to_end(key)
                return kept.drawn
            drawn = await draw()
            self._keep(key, drawn)
            return drawn

    def _keep(self, key: Hashable, drawn: T) -> None:
        self._kept.pop(key, None)
        self._kept[key] = _Drawing(drawn, self._size_of(drawn), time.monotonic())
        while sum(each.size for each in self._kept.values()) > self._max_bytes:
            self._kept.popitem(last=False)
