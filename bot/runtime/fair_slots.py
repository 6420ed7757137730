"""A bound on work at once that its owners share fairly."""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


class FairSlots:
    """At most ``total`` slots at once, and at most ``per_owner`` for one owner.

    A free slot goes to the waiting owner that holds the fewest; among equals, to the one that was
    served least recently. So an owner with much work delays its own work, not that of others. Work
    without an owner is bounded by ``total`` only.
    """

    def __init__(self, total: int, per_owner: int) -> None:
        self._free = total
        self._per_owner = per_owner
        self._held: Counter[str] = Counter()
        self._waiting: dict[str, deque[asyncio.Future[None]]] = {}
        # The number of the last slot that an owner got; kept while it waits or holds any.
        self._served: Counter[str] = Counter()
        self._given = 0

    @asynccontextmanager
    async def held(self, owner: str = "") -> AsyncIterator[None]:
        """Hold a slot while the block runs; wait for one first."""
        await self._acquire(owner)
        try:
            yield
        finally:
            self._release(owner)

    async def _acquire(self, owner: str) -> None:
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(owner, deque()).append(turn)
        self._serve()
        try:
            await turn
        except asyncio.CancelledError:
            if turn.cancelled():
                self._drop_cancelled(owner)
            else:
                self._release(owner)
            raise

    def _release(self, owner: str) -> None:
        self._free += 1
        self._held[owner] -= 1
        self._serve()
        self._forget_if_gone(owner)

    def _serve(self) -> None:
        """Give the free slots to those whose turn it is."""
        while self._free and (owner := self._next_owner()) is not None:
            turn = self._waiting[owner].popleft()
            if not self._waiting[owner]:
                del self._waiting[owner]
            if turn.cancelled():
                continue
            turn.set_result(None)
            self._free -= 1
            self._held[owner] += 1
            self._given += 1
            self._served[owner] = self._given

    def _next_owner(self) -> str | None:
        waiting = (
            owner for owner in self._waiting if not owner or self._held[owner] < self._per_owner
        )
        return min(waiting, key=lambda each: (self._held[each], self._served[each]), default=None)

    def _drop_cancelled(self, owner: str) -> None:
        left = deque(turn for turn in self._waiting.pop(owner, ()) if not turn.cancelled())
        if left:
            self._waiting[owner] = left
        self._forget_if_gone(owner)

    def _forget_if_gone(self, owner: str) -> None:
        if not self._held[owner] and owner not in self._waiting:
            del self._held[owner], self._served[owner]
