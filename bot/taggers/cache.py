"""Asking a tagger about no clip twice, whoever posts it and whichever process works on it."""

from __future__ import annotations

import asyncio
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING
from weakref import WeakValueDictionary

from bot.domain.tagging import Tagging
from bot.errors import BudgetExhausted, FramehoundError
from bot.storage.database import retry_storage

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from bot.domain.budget import Budget, Payer
    from bot.domain.clip import ClipFile
    from bot.domain.progress import ProgressListener
    from bot.runtime.metrics import Metrics
    from bot.storage.taggings import TaggingStore
    from bot.storage.usage import UsageStore
    from bot.taggers import Tagger

    Alone = Callable[[str], AbstractAsyncContextManager[object]]


def _alone_already(_name: str) -> AbstractAsyncContextManager[object]:
    """Wait for nobody: this process has the database to itself."""
    return nullcontext()


@dataclass(frozen=True, slots=True)
class BillingAccount:
    """What a tagger that costs something may be paid, and where that is written down."""

    usage: UsageStore
    budget: Budget


class CachingTagger:
    """A tagger and what it said before.

    ``alone`` lets one process at a time do what has a name, on databases several processes share;
    without an ``account`` the tagger costs nothing.
    """

    def __init__(
        self,
        tagger: Tagger,
        taggings: TaggingStore,
        metrics: Metrics,
        alone: Alone = _alone_already,
        account: BillingAccount | None = None,
    ) -> None:
        self._account = account
        self.tagger = tagger
        self._taggings = taggings
        self._metrics = metrics
        self._alone = alone
        self._in_flight: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def recall(self, fingerprint: str, language: str = "en") -> Tagging | None:
        """Return what the tagger said of these bytes before, if it was ever asked."""
        identity = self.tagger.identity.speaking(language)
        return await self._taggings.find(fingerprint, identity)

    async def tag(
        self,
        fingerprint: str,
        examine: Callable[[], Awaitable[ClipFile]],
        progress: ProgressListener,
        payer: Payer,
        language: str = "en",
    ) -> Tagging:
        """Recall what is known, else ``examine`` the clip, tag it and keep what was said.

        Raises what ``examine`` and the tagger raise, ``BudgetExhausted`` and
        ``StorageUnavailable``.
        """
        lock = self._in_flight.setdefault(fingerprint, asyncio.Lock())
        async with lock:
            known = await retry_storage(lambda: self.recall(fingerprint, language))
            if known is None:
                async with self._alone(f"{self.tagger.identity} {fingerprint}"):
                    known = await retry_storage(lambda: self.recall(fingerprint, language))
                    if known is None:
                        clip = replace(await examine(), language=language)
                        return await self._ask(clip, progress, payer)
            self._metrics.cache_hits.inc()
            return known

    async def _ask(self, clip: ClipFile, progress: ProgressListener, payer: Payer) -> Tagging:
        paid = replace(payer, reference=f"{payer.reference} {clip.info.fingerprint}")
        await self._reserve(paid, self.tagger.count_frames(clip.info.duration))
        try:
            with self._metrics.stage("tag"):
                seen = await self.tagger.tag(clip, progress)
        except FramehoundError as error:
            await self._settle(paid, error.billed)
            raise
        identity = self.tagger.identity.speaking(clip.language)
        tagging = Tagging(clip.info, seen.frames, identity, seen.thumbnails, proxied=seen.proxied)
        await retry_storage(lambda: self._taggings.save(tagging))
        await self._settle(paid, len(seen.frames) if seen.billed is None else seen.billed)
        return tagging

    async def _reserve(self, payer: Payer, frames: int) -> None:
        """Set the frames aside before they are billed: several clips at once share the room."""
        if self._account is None:
            return
        usage, budget = self._account.usage, self._account.budget
        if not await retry_storage(lambda: usage.reserve(payer, frames, budget)):
            raise BudgetExhausted(frames)

    async def _settle(self, payer: Payer, frames: int) -> None:
        if self._account is not None:
            usage = self._account.usage
            await retry_storage(lambda: usage.settle(payer.reference, frames))
