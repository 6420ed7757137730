"""Taggers with a cache: the stored taggings, shared by all processes.

A clip is sent to each model whose tagging is not stored yet, and stored under each model's own
identity. So adding a model costs only what that model costs.
"""

from __future__ import annotations

import asyncio
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING
from weakref import WeakValueDictionary

import structlog

from bot.domain.models import Models
from bot.domain.nudity import is_moderated
from bot.domain.progress import ignore_progress
from bot.domain.senses import Sense
from bot.domain.tagging import OWN_KEY, Tagging, combine
from bot.errors import FramehoundError
from bot.storage.database import StorageUnavailable, retry_storage

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Sequence

    from bot.domain.clip import ClipFile
    from bot.domain.concepts import TaggerIdentity
    from bot.domain.perceptual_hash import PerceptualHash
    from bot.domain.tagging import TagRequest
    from bot.runtime.metrics import Metrics
    from bot.storage.taggings import TaggingStore
    from bot.taggers import Tagger
    from bot.taggers.billing import BillingAccount
    from bot.taggers.clip_senses import ClipSenseReader
    from bot.taggers.copies import CopyFinder

    Alone = Callable[[str], AbstractAsyncContextManager[object]]
    Found = dict[TaggerIdentity, Tagging]


def _no_lock(_name: str) -> AbstractAsyncContextManager[object]:
    """Lock nothing, as no other process uses the database."""
    return nullcontext()


def _never(_identity: TaggerIdentity) -> bool:
    """Hold no calls back."""
    return False


@dataclass(frozen=True, slots=True)
class TaggerGroup:
    """A tagger, and others of the same service that tag each clip beside it.

    Those that are ``held_back`` are only waited for if there would be no result without them. With
    ``choosable``, a request may choose among all of them.
    """

    main: Tagger
    others: tuple[Tagger, ...] = ()
    choosable: bool = False
    held_back: Callable[[TaggerIdentity], bool] = _never


@dataclass(frozen=True, slots=True)
class _Work:
    """A clip to tag, who asked for it, and its hash if it was hashed."""

    clip: ClipFile
    request: TagRequest
    hash: PerceptualHash | None

    def without_progress(self) -> _Work:
        """Return the same work, of which no progress is reported."""
        return replace(self, request=replace(self.request, progress=ignore_progress))

    def reference(self, identity: TaggerIdentity) -> str:
        """Return what frames are reserved under: a job's clip and the model it is sent to."""
        payer = self.request.payer
        return payer.for_clip(f"{self.clip.info.fingerprint} {identity}").reference


class CachingTagger:
    """Taggers that tag no clip twice, whoever posts it and whichever process works on it.

    If some of a group fail, a clip's tagging is that of the rest.

    ``alone`` runs a block in one process at a time, on databases that several processes share.
    Without an ``account``, the taggers are free. ``senses`` observe clips that were tagged without
    what is wanted of them, by whatever tagger. With ``copies``, a copy of a tagged
    clip gets the tagging of that clip.
    """

    def __init__(
        self,
        tagger: Tagger | TaggerGroup,
        taggings: TaggingStore,
        metrics: Metrics,
        alone: Alone = _no_lock,
        account: BillingAccount | None = None,
        senses: ClipSenseReader | None = None,
        copies: CopyFinder | None = None,
    ) -> None:
        group = tagger if isinstance(tagger, TaggerGroup) else TaggerGroup(tagger)
        self._senses = senses
        self._account = account
        self._copies = copies
        self.tagger = group.main
        self._by_identity = {each.identity: each for each in (group.main, *group.others)}
        self.models = Models(tuple(self._by_identity), choosable=group.choosable)
        self._held_back = group.held_back
        self._taggings = taggings
        self._metrics = metrics
        self._alone = alone
        self._log = structlog.get_logger("framehound.tagger")
        self._in_progress: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def tag(
        self, fingerprint: str, examine: Callable[[], Awaitable[ClipFile]], request: TagRequest
    ) -> Tagging:
        """Return the stored tagging, or else ``examine`` the clip, tag it and store the result.

        If a tagger fetched the clip from a host that may have sent it another clip, the result
        only counts for the job: it is stored under ``request.own_key``, as its ``info`` says.

        Raises what ``examine`` and the taggers raise, ``BudgetExhausted`` and
        ``StorageUnavailable``.
        """
        examine = _once(examine)
        wanted = self.models.chosen(request.models)
        find = partial(self._find_all, fingerprint, request, wanted)
        lock = self._in_progress.setdefault(fingerprint, asyncio.Lock())
        async with lock:
            found = await find()
            if self._missing(wanted, found):
                async with self._alone(f"{self.tagger.identity} {fingerprint}"):
                    found = await find()
                    if missing := self._missing(wanted, found):
                        new = await self._tag_missing(missing, examine, request, found)
                        tagging = await self._combined(wanted, found | new, request)
                        return await self._with_senses(tagging, examine, request)
            self._metrics.cache_hits.inc()
            tagging = await self._combined(wanted, found, request)
            return await self._with_senses(tagging, examine, request)

    async def _find_all(
        self, fingerprint: str, request: TagRequest, wanted: Iterable[TaggerIdentity]
    ) -> Found:
        keys = [key for key in (fingerprint, request.own_key(fingerprint)) if key]
        found = {each: await self._find(keys, each.speaking(request.language)) for each in wanted}
        return {each: tagging for each, tagging in found.items() if tagging}

    async def _find(self, keys: Sequence[str], identity: TaggerIdentity) -> Tagging | None:
        for key in keys:
            find = partial(self._taggings.find, key, identity)
            if tagging := await retry_storage(find):
                return tagging
        return None

    async def _with_senses(
        self, tagging: Tagging, examine: Callable[[], Awaitable[ClipFile]], request: TagRequest
    ) -> Tagging:
        """Return a tagging with what the wanted senses observe; look if they have not."""
        wanted = request.senses - {Sense.NUDITY} if is_moderated(tagging) else request.senses
        if self._senses is None or not wanted:
            return tagging
        name = tagging.info.fingerprint
        async with self._alone(f"senses {name}"):
            found = await self._senses.observe(name, examine, wanted)
        return replace(tagging, text=found.text, nudity=found.nudity)

    def _missing(self, wanted: Iterable[TaggerIdentity], found: Found) -> list[TaggerIdentity]:
        """Return the models to send a clip to; those held back only if there are no others."""
        missing = [each for each in wanted if each not in found]
        ready = [each for each in missing if not self._held_back(each)]
        return ready if ready or found else missing

    async def _tag_missing(
        self,
        missing: Sequence[TaggerIdentity],
        examine: Callable[[], Awaitable[ClipFile]],
        request: TagRequest,
        found: Found,
    ) -> Found:
        """Tag a clip with the models that have not; a failure only matters if all fail."""
        try:
            clip = await examine()
        except FramehoundError as error:
            self._pass_over(error, missing, has_others=bool(found))
            return {}
        copied, clip_hash = await self._take_over(missing, clip)
        left = [each for each in missing if each not in copied]
        work = _Work(clip, request, clip_hash)
        return copied | await self._tag_with_all(left, work, found | copied) if left else copied

    async def _take_over(
        self, missing: Sequence[TaggerIdentity], clip: ClipFile
    ) -> tuple[Found, PerceptualHash | None]:
        """Take over the taggings of a clip that this one is a copy of; return its hash, too."""
        clip_hash = await self._copies.hash(clip) if self._copies else None
        if self._copies is None or clip_hash is None:
            return {}, None
        copied: Found = {}
        for each in missing:
            speaking = each.speaking(clip.language)
            if known := await self._copies.tagging_of(clip, clip_hash, speaking):
                await retry_storage(partial(self._taggings.save, known))
                self._metrics.cache_hits.inc()
                copied[each] = known
        return copied, clip_hash

    async def _tag_with_all(
        self, models: Sequence[TaggerIdentity], work: _Work, found: Found
    ) -> Found:
        try:
            await self._reserve(models, work)
        except FramehoundError as error:
            self._pass_over(error, models, has_others=bool(found))
            return {}
        first, *others = models
        results = await asyncio.gather(
            self._tag_and_settle(first, work),
            *(self._tag_and_settle(each, work.without_progress()) for each in others),
            return_exceptions=True,
        )
        pairs = list(zip(models, results, strict=True))
        new = {each: result for each, result in pairs if isinstance(result, Tagging)}
        failures = [(result, each) for each, result in pairs if isinstance(result, BaseException)]
        for failure, each in sorted(failures, key=lambda pair: _is_expected(pair[0])):
            self._pass_over(failure, [each], has_others=bool(found or new))
        return new

    def _pass_over(
        self, error: BaseException, models: Iterable[TaggerIdentity], *, has_others: bool
    ) -> None:
        """Log why some models did not tag a clip; raise that if no other one did."""
        if not has_others or not isinstance(error, FramehoundError) or not _is_expected(error):
            raise error
        self._log.info(
            "clip tagged without some models",
            without=[str(each) for each in models],
            code=error.code,
            detail=error.detail,
        )

    async def _tag_and_settle(self, identity: TaggerIdentity, work: _Work) -> Tagging:
        clip, request = work.clip, work.request
        try:
            with self._metrics.stage("tag"):
                result = await self._by_identity[identity].tag(clip, request.progress)
        except FramehoundError as error:
            await self._settle(identity, work, error.billed)
            raise
        tagging = Tagging(
            clip.info,
            result.frames,
            identity.speaking(clip.language),
            result.thumbnails,
            proxied=result.proxied,
            unreadable=result.unreadable,
            description=result.description,
            kind=result.kind,
            perceptual_hash=result.perceptual_hash or work.hash,
        )
        if result.by_link:
            tagging = await self._save_for_job(tagging, request)
        else:
            await retry_storage(lambda: self._taggings.save(tagging))
        billed = len(result.frames) if result.billed is None else result.billed
        await self._settle(identity, work, billed)
        if self._senses:
            await self._senses.save(tagging.info.fingerprint, result.senses)
        return tagging

    async def _combined(
        self, wanted: Iterable[TaggerIdentity], found: Found, request: TagRequest
    ) -> Tagging:
        """Return all models' taggings as one; all under the job's own key if one of them is."""
        taggings = [found[each] for each in wanted if each in found]
        fingerprints = {each.info.fingerprint for each in taggings}
        if len(fingerprints) > 1:
            taggings = [await self._save_for_job(each, request) for each in taggings]
        return combine(taggings)

    async def _save_for_job(self, tagging: Tagging, request: TagRequest) -> Tagging:
        """Store a tagging for the job alone, or not at all if there is none."""
        fingerprint = tagging.info.fingerprint
        key = request.own_key(fingerprint)
        if key is None or fingerprint.startswith(OWN_KEY):
            return tagging
        info = replace(tagging.info, fingerprint=key)
        tagging = replace(tagging, info=info, perceptual_hash=None)
        await retry_storage(lambda: self._taggings.save(tagging))
        return tagging

    async def _reserve(self, models: Sequence[TaggerIdentity], work: _Work) -> None:
        """Reserve the frames of all models at once, before any is billed."""
        if self._account:
            frames = {work.reference(each): self._count(each, work) for each in models}
            await self._account.reserve(work.request.payer, frames)

    async def _settle(self, identity: TaggerIdentity, work: _Work, billed: int) -> None:
        if self._account:
            reserved = self._count(identity, work)
            await self._account.settle(
                work.request.payer, work.reference(identity), reserved=reserved, billed=billed
            )

    def _count(self, identity: TaggerIdentity, work: _Work) -> int:
        return self._by_identity[identity].count_frames(work.clip.info.duration)


def _is_expected(error: BaseException) -> bool:
    """Return whether a failure is one model's, and not the program's or the database's."""
    return isinstance(error, FramehoundError) and not isinstance(error, StorageUnavailable)


def _once(examine: Callable[[], Awaitable[ClipFile]]) -> Callable[[], Awaitable[ClipFile]]:
    """Return a function that examines a clip when it is first called."""
    examined: list[ClipFile] = []

    async def examine_once() -> ClipFile:
        if not examined:
            examined.append(await examine())
        return examined[0]

    return examine_once
