"""The use case: a clip somebody shared becomes a tagging. Knows no Discord."""

from __future__ import annotations

import asyncio
import hashlib
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING
from weakref import WeakValueDictionary

from bot.domain.clip import FORMAT_NAMES, Clip, ClipFile, ClipInfo, ClipLimits
from bot.domain.progress import ignore_progress
from bot.domain.tagging import Tagging
from bot.errors import NotFound, TooLarge, TooLong, UnsupportedFormat
from bot.media.probe import probe

if TYPE_CHECKING:
    from bot.domain.progress import ProgressListener
    from bot.media.fetch import Fetcher
    from bot.media.sandbox import Sandbox
    from bot.storage.taggings import TaggingStore
    from bot.taggers import Tagger


class ClipTagger:
    """Fetches, checks and tags clips, and asks the tagger about no clip twice."""

    def __init__(
        self,
        *,
        fetcher: Fetcher,
        sandbox: Sandbox,
        tagger: Tagger,
        taggings: TaggingStore,
        limits: ClipLimits,
        folder: Path,
    ) -> None:
        self.tagger = tagger
        self._fetcher = fetcher
        self._sandbox = sandbox
        self._taggings = taggings
        self._limits = limits
        self._folder = folder
        self._in_flight: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def tag_link(self, clip: Clip, progress: ProgressListener = ignore_progress) -> Tagging:
        """Tag the clip behind a link.

        Raises ``ClipError`` or ``TaggerError``.
        """
        self._check_claims(clip)
        with tempfile.TemporaryDirectory(dir=self._folder, ignore_cleanup_errors=True) as folder:
            path = Path(folder) / "clip"
            most = self.tagger.size_limit(public=True)
            fetched = await self._fetcher.fetch(clip.location, path, most, progress)
            self._check_size(fetched.size, public=fetched.public)
            link = clip.location if fetched.public else None
            return await self._recall_or_tag(
                path, fetched.size, fetched.fingerprint, link, progress
            )

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
        return await self._recall_or_tag(path, size, fingerprint, None, progress)

    async def recall(self, fingerprint: str) -> Tagging | None:
        """Return what the tagger said of these bytes before, if it was ever asked."""
        return await self._taggings.find(fingerprint, self.tagger.identity)

    async def _recall_or_tag(
        self, path: Path, size: int, fingerprint: str, link: str | None, progress: ProgressListener
    ) -> Tagging:
        """Tag unless the same bytes were tagged before, or are being tagged right now."""
        lock = self._in_flight.setdefault(fingerprint, asyncio.Lock())
        async with lock:
            known = await self.recall(fingerprint)
            if known is not None:
                return known
            probed = await probe(self._sandbox, path, longest=self._limits.duration)
            info = ClipInfo(probed.format, size, probed.duration, fingerprint)
            frames = await self.tagger.tag(ClipFile(path, info, link), progress)
            tagging = Tagging(info, frames)
            await self._taggings.save(tagging, self.tagger.identity)
            return tagging

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
