"""The use case: a clip somebody shared becomes a tagging. Knows no Discord."""

from __future__ import annotations

import asyncio
import hashlib
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from bot.domain.budget import Payer
from bot.domain.clip import FORMAT_NAMES, Clip, ClipFile, ClipInfo, ClipLimits
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
from bot.media.probe import probe
from bot.media.workplace import own_folder

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from bot.domain.progress import ProgressListener
    from bot.domain.tagging import Tagging
    from bot.media.fetch import Fetcher
    from bot.media.sandbox import Sandbox
    from bot.metrics import Metrics
    from bot.taggers import Tagger
    from bot.taggers.remembering import RememberingTagger


class ClipTagger:
    """Fetches, checks and tags clips.

    Where the ``asked`` tagger can't be used the ``fallback`` is, if there is one.
    """

    def __init__(
        self,
        *,
        fetcher: Fetcher,
        sandbox: Sandbox,
        asked: RememberingTagger,
        fallback: RememberingTagger | None = None,
        limits: ClipLimits,
        folder: Path,
        metrics: Metrics,
    ) -> None:
        self._fetcher = fetcher
        self._sandbox = sandbox
        self._asked = asked
        self._fallback = fallback
        self._limits = limits
        self._folder = folder
        self._metrics = metrics

    @property
    def tagger(self) -> Tagger:
        """The tagger that is asked as long as it can be."""
        return self._asked.tagger

    async def tag_link(
        self, clip: Clip, progress: ProgressListener = ignore_progress, payer: Payer | None = None
    ) -> Tagging:
        """Tag the clip behind a link; where that costs something, ``payer`` pays.

        Raises ``ClipError``, ``TaggerError``, ``DiskFull`` or ``StorageUnavailable``.
        """
        self._check_claims(clip)
        async with own_folder(self._folder) as folder:
            path = folder / "clip"
            most = self.tagger.size_limit(public=True)
            with self._metrics.stage("download"):
                fetched = await self._fetcher.fetch(clip.location, path, most, progress)
            self._check_size(fetched.size, public=fetched.public)
            link = clip.location if fetched.public else None
            examine = partial(self._examine, path, fetched.size, fetched.fingerprint, link)
            return await self._tag(fetched.fingerprint, examine, progress, payer or Payer())

    async def tag_file(self, clip: Clip, progress: ProgressListener = ignore_progress) -> Tagging:
        """Tag a file of the operator's own; raises as ``tag_link`` does."""
        path = Path(clip.location)
        try:
            path = await asyncio.to_thread(path.resolve, strict=True)
            size = (await asyncio.to_thread(path.stat)).st_size
            self._check_size(size, public=False)
            fingerprint = await asyncio.to_thread(_fingerprint, path)
        except OSError as error:
            raise NotFound(detail=f"{path}: {error.strerror}") from error
        examine = partial(self._examine, path, size, fingerprint, None)
        return await self._tag(fingerprint, examine, progress, Payer())

    async def recall(self, fingerprint: str) -> Tagging | None:
        """Return what was said of these bytes before, by the fallback only if by nobody else."""
        known = await self._asked.recall(fingerprint)
        if known is None and self._fallback:
            known = await self._fallback.recall(fingerprint)
        return known

    async def _tag(
        self,
        fingerprint: str,
        examine: Callable[[], Awaitable[ClipFile]],
        progress: ProgressListener,
        payer: Payer,
    ) -> Tagging:
        try:
            return await self._asked.tag(fingerprint, examine, progress, payer)
        except (TaggerUnavailable, TaggerBusy, QuotaExhausted):
            if self._fallback is None:
                raise
            return await self._fallback.tag(fingerprint, examine, progress, payer)

    async def _examine(self, path: Path, size: int, fingerprint: str, link: str | None) -> ClipFile:
        """Find out what the bytes are, as far as a tagger must know."""
        with self._metrics.stage("probe"):
            probed = await probe(self._sandbox, path, longest=self._limits.duration)
        return ClipFile(path, ClipInfo(probed.format, size, probed.duration, fingerprint), link)

    def _check_claims(self, clip: Clip) -> None:
        """Refuse what the one who shared the clip already says is no use, unfetched."""
        if clip.size is not None:
            self._check_size(clip.size, public=True)
        if clip.duration is not None and clip.duration > self._limits.duration:
            raise TooLong(clip.duration, self._limits.duration)
        kind = (clip.content_type or "").partition(";")[0].strip().lower()
        if kind.startswith(("image/", "audio/", "text/")) and kind != "image/gif":
            raise UnsupportedFormat(format=kind, formats=FORMAT_NAMES)

    def _check_size(self, size: int, *, public: bool) -> None:
        limit = self.tagger.size_limit(public=public)
        if size > limit:
            raise TooLarge(size, limit)


def _fingerprint(path: Path) -> str:
    with path.open("rb") as file:
        return f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}"
