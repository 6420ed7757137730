"""Asking a tagger about no clip twice, whoever posts it and whichever process works on it."""

from __future__ import annotations

import asyncio
from contextlib import AbstractAsyncContextManager, nullcontext
from typing import TYPE_CHECKING, TypeVar
from weakref import WeakValueDictionary

from stamina import AsyncRetryingCaller

from bot.domain.tagging import Tagging
from bot.storage.errors import StorageUnavailable

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from bot.domain.clip import ClipFile
    from bot.domain.progress import ProgressListener
    from bot.metrics import Metrics
    from bot.storage.taggings import TaggingStore
    from bot.taggers import Tagger

    Alone = Callable[[str], AbstractAsyncContextManager[object]]

# A database that is restarted is back within this; what was paid for is not thrown away meanwhile.
_PATIENCE = 300.0

T = TypeVar("T")


def _alone_already(_name: str) -> AbstractAsyncContextManager[object]:
    """Wait for nobody: this process has the database to itself."""
    return nullcontext()


class RememberingTagger:
    """A tagger and what it said before.

    ``alone`` lets one process at a time do what has a name, on databases several processes share.
    """

    def __init__(
        self,
        tagger: Tagger,
        taggings: TaggingStore,
        metrics: Metrics,
        alone: Alone = _alone_already,
    ) -> None:
        self.tagger = tagger
        self._taggings = taggings
        self._metrics = metrics
        self._alone = alone
        self._in_flight: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def recall(self, fingerprint: str) -> Tagging | None:
        """Return what the tagger said of these bytes before, if it was ever asked."""
        identity = self.tagger.identity
        return await _patiently(lambda: self._taggings.find(fingerprint, identity))

    async def tag(
        self,
        fingerprint: str,
        examine: Callable[[], Awaitable[ClipFile]],
        progress: ProgressListener,
    ) -> Tagging:
        """Recall what is known, else ``examine`` the clip, tag it and keep what was said.

        Raises what ``examine`` and the tagger raise, and ``StorageUnavailable``.
        """
        lock = self._in_flight.setdefault(fingerprint, asyncio.Lock())
        async with lock:
            known = await self.recall(fingerprint)
            if known is None:
                async with self._alone(f"{self.tagger.identity} {fingerprint}"):
                    known = await self.recall(fingerprint)
                    if known is None:
                        return await self._ask(await examine(), progress)
            self._metrics.cache_hits.inc()
            return known

    async def _ask(self, clip: ClipFile, progress: ProgressListener) -> Tagging:
        with self._metrics.stage("tag"):
            frames = await self.tagger.tag(clip, progress)
        tagging = Tagging(clip.info, frames, self.tagger.identity)
        await _patiently(lambda: self._taggings.save(tagging))
        return tagging


async def _patiently(use: Callable[[], Awaitable[T]]) -> T:
    """Use the database, again if it is not there just now."""
    caller = AsyncRetryingCaller(attempts=None, timeout=_PATIENCE, wait_initial=0.5, wait_max=15)
    return await caller(StorageUnavailable, use)
