"""The use case: a clip somebody shared becomes a tagging. Knows no Discord."""

from __future__ import annotations

import asyncio
import hashlib
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from bot.domain.budget import Payer
from bot.domain.clip import FORMAT_NAMES, Clip, ClipFile, ClipInfo
from bot.domain.progress import ignore_progress
from bot.errors import (
    NotFound,
    QuotaExhausted,
    TaggerBusy,
    TaggerUnavailable,
    TooLarge,
    TooLong,
    UnsupportedFormat,
)
from bot.media.decode.probe import MAX_PACKETS, probe
from bot.media.scratch_dir import scratch_dir

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from bot.domain.progress import ProgressListener
    from bot.domain.tagging import Tagging
    from bot.media.fetch.download import Fetcher
    from bot.media.sandbox.pool import Sandbox
    from bot.runtime.metrics import Metrics
    from bot.taggers import Tagger
    from bot.taggers.cache import CachingTagger


class ClipTagger:
    """Fetches, checks and tags clips.

    Where the ``asked`` tagger can't be used the ``fallback`` is, if there is one.
    """

    def __init__(
        self,
        *,
        fetcher: Fetcher,
        sandbox: Sandbox,
        asked: CachingTagger,
        fallback: CachingTagger | None = None,
        folder: Path,
        metrics: Metrics,
    ) -> None:
        self._fetcher = fetcher
        self._sandbox = sandbox
        self._asked = asked
        self._fallback = fallback
        self._folder = folder
        self._metrics = metrics

    @property
    def tagger(self) -> Tagger:
        """The tagger that is asked as long as it can be."""
        return self._asked.tagger

    async def tag_link(
        self,
        clip: Clip,
        progress: ProgressListener = ignore_progress,
        payer: Payer | None = None,
        language: str = "en",
    ) -> Tagging:
        """Tag the clip behind a link, in a language if the tagger speaks it.

        Where that costs something, ``payer`` pays.
        Raises ``ClipError``, ``TaggerError``, ``DiskFull`` or ``StorageUnavailable``.
        """
        self._check_claims(clip)
        async with scratch_dir(self._folder) as folder:
            path = folder / "clip"
            most = self.tagger.size_limit(public=True)
            with self._metrics.stage("download"):
                fetched = await self._fetcher.fetch(clip.location, path, most, progress)
            _check_size(fetched.size, self.tagger, public=fetched.public)
            link = clip.location if fetched.public else None
            examine = partial(self._examine, path, fetched.size, fetched.fingerprint, link)
            payer = payer or Payer()
            return await self._tag(fetched.fingerprint, examine, progress, payer, language)

    async def tag_file(self, clip: Clip, progress: ProgressListener = ignore_progress) -> Tagging:
        """Tag a file of the operator's own; raises as ``tag_link`` does."""
        path = Path(clip.location)
        try:
            path = await asyncio.to_thread(path.resolve, strict=True)
            size = (await asyncio.to_thread(path.stat)).st_size
            _check_size(size, self.tagger, public=False)
            fingerprint = await asyncio.to_thread(_fingerprint, path)
        except OSError as error:
            raise NotFound(detail=f"{path}: {error.strerror}") from error
        examine = partial(self._examine, path, size, fingerprint, None)
        return await self._tag(fingerprint, examine, progress, Payer(), "en")

    async def recall(self, fingerprint: str, language: str = "en") -> Tagging | None:
        """Return what was said of these bytes before, in another language if not in this one.

        What the fallback said is returned only if nobody else said anything.
        """
        others = {"en", *self.tagger.identity.languages} - {language}
        for each in (language, *sorted(others)):
            known = await self._asked.recall(fingerprint, each)
            if known is not None:
                return known
        return await self._fallback.recall(fingerprint) if self._fallback else None

    async def _tag(
        self,
        fingerprint: str,
        examine: Callable[[Tagger], Awaitable[ClipFile]],
        progress: ProgressListener,
        payer: Payer,
        language: str,
    ) -> Tagging:
        try:
            return await _ask(self._asked, fingerprint, examine, progress, payer, language)
        except (TaggerUnavailable, TaggerBusy, QuotaExhausted):
            if self._fallback is None:
                raise
            return await _ask(self._fallback, fingerprint, examine, progress, payer, language)

    async def _examine(
        self, path: Path, size: int, fingerprint: str, link: str | None, tagger: Tagger
    ) -> ClipFile:
        """Find out what the bytes are, as far as this tagger must know."""
        _check_size(size, tagger, public=link is not None)
        with self._metrics.stage("probe"):
            packets = max(MAX_PACKETS, tagger.longest // 3)  # as many a second in longer clips
            probed = await probe(self._sandbox, path, longest=tagger.longest, packets=packets)
        return ClipFile(path, ClipInfo(probed.format, size, probed.duration, fingerprint), link)

    def _check_claims(self, clip: Clip) -> None:
        """Refuse what the one who shared the clip already says is no use, unfetched."""
        if clip.size is not None:
            _check_size(clip.size, self.tagger, public=True)
        if clip.duration is not None and clip.duration > self.tagger.longest:
            raise TooLong(clip.duration, self.tagger.longest)
        kind = (clip.content_type or "").partition(";")[0].strip().lower()
        if kind.startswith(("image/", "audio/", "text/")) and kind != "image/gif":
            raise UnsupportedFormat(format=kind, formats=FORMAT_NAMES)


async def _ask(
    tagger: CachingTagger,
    fingerprint: str,
    examine: Callable[[Tagger], Awaitable[ClipFile]],
    progress: ProgressListener,
    payer: Payer,
    language: str,
) -> Tagging:
    examine_for = partial(examine, tagger.tagger)
    return await tagger.tag(fingerprint, examine_for, progress, payer, language)


def _check_size(size: int, tagger: Tagger, *, public: bool) -> None:
    limit = tagger.size_limit(public=public)
    if size > limit:
        raise TooLarge(size, limit)


def _fingerprint(path: Path) -> str:
    with path.open("rb") as file:
        return f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}"
