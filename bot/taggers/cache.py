"""A tagger with a cache: the stored taggings, shared by all processes. Also does the billing."""

from __future__ import annotations

import asyncio
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING
from weakref import WeakValueDictionary

import structlog

from bot.domain.budget import Budget, month_of
from bot.domain.tagging import Tagging
from bot.errors import BudgetExhausted, FramehoundError
from bot.storage.database import retry_storage

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from bot.domain.budget import Payer
    from bot.domain.clip import ClipFile
    from bot.domain.concepts import TaggerIdentity
    from bot.domain.perceptual_hash import PerceptualHash
    from bot.domain.tagging import TagRequest
    from bot.domain.text_lines import TextLine
    from bot.runtime.metrics import Metrics
    from bot.storage.taggings import TaggingStore
    from bot.storage.usage import UsageStore
    from bot.taggers import Tagger
    from bot.taggers.clip_text import ClipTextReader
    from bot.taggers.copies import CopyFinder

    Alone = Callable[[str], AbstractAsyncContextManager[object]]


def _no_lock(_name: str) -> AbstractAsyncContextManager[object]:
    """Lock nothing, as no other process uses the database."""
    return nullcontext()


@dataclass(frozen=True, slots=True)
class BillingAccount:
    """The budget of a tagger that bills frames, and where they are counted."""

    usage: UsageStore
    budget: Budget


class CachingTagger:
    """A tagger that tags no clip twice, whoever posts it and whichever process works on it.

    ``alone`` runs a block in one process at a time, on databases that several processes share.
    Without an ``account``, the tagger is free. ``text`` reads the text of clips that the tagger
    gives none for, and of those tagged before text was wanted. With ``copies``, a copy of a tagged
    clip gets the tagging of that clip.
    """

    def __init__(
        self,
        tagger: Tagger,
        taggings: TaggingStore,
        metrics: Metrics,
        alone: Alone = _no_lock,
        account: BillingAccount | None = None,
        text: ClipTextReader | None = None,
        copies: CopyFinder | None = None,
    ) -> None:
        self._text = text
        self._account = account
        self._copies = copies
        self.tagger = tagger
        self._taggings = taggings
        self._metrics = metrics
        self._alone = alone
        self._warned: set[tuple[str, str]] = set()
        self._log = structlog.get_logger("framehound.budget")
        self._in_progress: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def tag(
        self, fingerprint: str, examine: Callable[[], Awaitable[ClipFile]], request: TagRequest
    ) -> Tagging:
        """Return the stored tagging, or else ``examine`` the clip, tag it and store the result.

        If the tagger fetched the clip from a host that may have sent it another clip, the result
        only counts for the job: it is stored under ``request.own_key``, as its ``info`` says.

        Raises what ``examine`` and the tagger raise, ``BudgetExhausted`` and
        ``StorageUnavailable``.
        """
        identity = self.tagger.identity.speaking(request.language)
        lock = self._in_progress.setdefault(fingerprint, asyncio.Lock())
        async with lock:
            keys = [key for key in (fingerprint, request.own_key(fingerprint)) if key]
            known = await self._find(keys, identity)
            if known is None:
                async with self._alone(f"{self.tagger.identity} {fingerprint}"):
                    known = await self._find(keys, identity)
                    if known is None:
                        return await self._tag_new(await examine(), request)
            self._metrics.cache_hits.inc()
            return await self._with_text(known, examine, request)

    async def _find(self, keys: Sequence[str], identity: TaggerIdentity) -> Tagging | None:
        for key in keys:
            find = partial(self._taggings.find, key, identity)
            if tagging := await retry_storage(find):
                return tagging
        return None

    async def _with_text(
        self, known: Tagging, examine: Callable[[], Awaitable[ClipFile]], request: TagRequest
    ) -> Tagging:
        """Return a tagging with the clip's text, if that is wanted."""
        if self._text is None or not request.text:
            return known
        name = known.info.fingerprint
        async with self._alone(f"text {name}"):
            text = await self._text.find(name)
            if text is None:
                text = await self._text.read(name, await examine())
        return replace(known, text=text)

    async def _tag_new(self, clip: ClipFile, request: TagRequest) -> Tagging:
        """Tag a clip, or take over the tagging of a clip that it is a copy of."""
        if self._copies is None:
            return await self._tag(clip, request)
        found = await self._copies.hash(clip)
        identity = self.tagger.identity.speaking(clip.language)
        known = await self._copies.tagging_of(clip, found, identity) if found else None
        if known is None:
            return await self._tag(clip, request, found)
        await retry_storage(lambda: self._taggings.save(known))
        self._metrics.cache_hits.inc()
        return await self._add_text(known, None, clip)

    async def _tag(
        self, clip: ClipFile, request: TagRequest, found: PerceptualHash | None = None
    ) -> Tagging:
        payer = request.payer.for_clip(clip.info.fingerprint)
        reserved = self.tagger.count_frames(clip.info.duration)
        await self._reserve(payer, reserved)
        try:
            with self._metrics.stage("tag"):
                result = await self.tagger.tag(clip, request.progress)
        except FramehoundError as error:
            await self._settle(payer, reserved, error.billed)
            raise
        identity = self.tagger.identity.speaking(clip.language)
        tagging = Tagging(
            clip.info,
            result.frames,
            identity,
            result.thumbnails,
            proxied=result.proxied,
            unreadable=result.unreadable,
            description=result.description,
            perceptual_hash=result.perceptual_hash or found,
        )
        if result.by_link:
            tagging = await self._save_for_job(tagging, request)
        else:
            await retry_storage(lambda: self._taggings.save(tagging))
        billed = len(result.frames) if result.billed is None else result.billed
        await self._settle(payer, reserved, billed)
        return await self._add_text(tagging, result.text, clip)

    async def _add_text(
        self, tagging: Tagging, text: tuple[TextLine, ...] | None, clip: ClipFile
    ) -> Tagging:
        """Store the text that the tagger read, or else read it here."""
        if self._text is None or not clip.text:
            return tagging
        name = tagging.info.fingerprint
        if text is None:
            return replace(tagging, text=await self._text.read(name, clip))
        await self._text.save(name, text)
        return replace(tagging, text=text)

    async def _save_for_job(self, tagging: Tagging, request: TagRequest) -> Tagging:
        """Store a tagging for the job alone, or not at all if there is none."""
        key = request.own_key(tagging.info.fingerprint)
        if key is None:
            return tagging
        info = replace(tagging.info, fingerprint=key)
        tagging = replace(tagging, info=info, perceptual_hash=None)
        await retry_storage(lambda: self._taggings.save(tagging))
        return tagging

    async def _reserve(self, payer: Payer, frames: int) -> None:
        """Reserve frames before they are billed, as several clips share the budget at once."""
        if self._account is None:
            return
        usage, budget = self._account.usage, self._account.budget
        if not budget.allows(payer, frames):
            raise BudgetExhausted.of(frames, "job")
        payer.tally.frames += frames
        if not await retry_storage(lambda: usage.reserve(payer, frames, budget)):
            payer.tally.frames -= frames
            raise BudgetExhausted.of(frames)
        await self._warn(payer, self._account)

    async def _warn(self, payer: Payer, account: BillingAccount) -> None:
        """Log once a month that most of a budget is used."""
        if account.budget == Budget():
            return
        used = await retry_storage(lambda: account.usage.used(payer.name))
        overall = await retry_storage(account.usage.used)
        if account.budget.is_nearly_used_up(used):
            self._warn_once(payer.name, account.budget.server)
        if account.budget.is_nearly_used_up_overall(overall):
            self._warn_once("all servers", account.budget.overall)

    def _warn_once(self, payer: str, limit: int | None) -> None:
        warning = payer, month_of(datetime.now(UTC))
        if warning not in self._warned:
            self._warned.add(warning)
            self._log.warning("most of this month's frames are used", payer=payer, limit=limit)

    async def _settle(self, payer: Payer, reserved: int, billed: int) -> None:
        if self._account is not None:
            usage = self._account.usage
            payer.tally.frames += billed - reserved
            await retry_storage(lambda: usage.settle(payer.reference, billed))
