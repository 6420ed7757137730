"""Use case: tagging a clip: fetch it, fingerprint it, check it, and tag it unless it is known."""

from __future__ import annotations

import asyncio
import hashlib
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bot.domain.clip import FORMAT_NAMES, Clip, ClipFile, ClipInfo
from bot.errors import (
    NotFound,
    QuotaExhausted,
    TaggerBusy,
    TaggerUnavailable,
    TooLarge,
    TooLong,
    UnsupportedFormat,
)
from bot.media.decode.formats import WEB_PAGES, describe_content_type
from bot.media.decode.probe import MAX_PACKETS, probe
from bot.media.fetch.share_pages import direct_link
from bot.media.scratch_dir import scratch_dir

if TYPE_CHECKING:
    from bot.domain.concepts import TaggerIdentity
    from bot.domain.models import Models
    from bot.domain.tagging import Tagging, TagRequest
    from bot.media.fetch.download import Fetcher
    from bot.media.sandbox.pool import Sandbox
    from bot.runtime.metrics import Metrics
    from bot.taggers import Tagger
    from bot.taggers.cache import CachingTagger


# Types of pictures that may be animated; the file decides later.
_MOVING = frozenset({"image/gif", "image/webp", "image/avif", "image/apng"})


@dataclass(frozen=True, slots=True)
class _LocalFile:
    """A clip on disk, not yet checked; ``public_url`` if others can fetch the same bytes."""

    path: Path
    size: int
    fingerprint: str
    public_url: str | None = None


class ClipTagger:
    """Fetches, checks and tags clips.

    If the ``main`` tagger can't be used, the ``fallback`` is, if there is one.
    """

    def __init__(
        self,
        *,
        fetcher: Fetcher,
        sandbox: Sandbox,
        main: CachingTagger,
        fallback: CachingTagger | None = None,
        folder: Path,
        metrics: Metrics,
    ) -> None:
        self._fetcher = fetcher
        self._sandbox = sandbox
        self._main = main
        self._fallback = fallback
        self._folder = folder
        self._metrics = metrics

    @property
    def tagger(self) -> Tagger:
        """The main tagger."""
        return self._main.tagger

    @property
    def models(self) -> Models:
        """The main tagger's models."""
        return self._main.models

    @property
    def fallback_identity(self) -> TaggerIdentity | None:
        """The identity of the fallback, if there is one."""
        return self._fallback.tagger.identity if self._fallback else None

    async def tag_link(self, request: TagRequest) -> Tagging:
        """Tag the clip behind a link.

        Raises ``ClipError``, ``TaggerError``, ``DiskFull`` or ``StorageUnavailable``.
        """
        clip = request.clip
        self._check_claims(clip)
        location = direct_link(clip.location)
        async with scratch_dir(self._folder) as folder:
            path = folder / "clip"
            limit = self.tagger.size_limit(public=True)
            with self._metrics.stage("download"):
                fetched = await self._fetcher.fetch(
                    location, path, limit, request.progress, request.owner
                )
            _check_size(fetched.size, self.tagger, public=fetched.public)
            link = location if fetched.public else None
            file = _LocalFile(path, fetched.size, fetched.fingerprint, link)
            try:
                return await self._tag(file, request)
            except UnsupportedFormat as error:
                raise _as_page(error) from error

    async def tag_file(self, request: TagRequest) -> Tagging:
        """Tag a file of the operator's; raises as ``tag_link`` does."""
        path = Path(request.clip.location)
        try:
            path = await asyncio.to_thread(path.resolve, strict=True)
            size = await asyncio.to_thread(_size_of_file, path)
            _check_size(size, self.tagger, public=False)
            fingerprint = await asyncio.to_thread(_fingerprint, path)
        except OSError as error:
            raise NotFound(detail=f"{path}: {error.strerror}") from error
        return await self._tag(_LocalFile(path, size, fingerprint), request)

    async def _tag(self, file: _LocalFile, request: TagRequest) -> Tagging:
        try:
            return await self._tag_with(self._main, file, request)
        except (TaggerUnavailable, TaggerBusy, QuotaExhausted):
            if self._fallback is None:
                raise
            return await self._tag_with(self._fallback, file, request)

    async def _tag_with(
        self, tagger: CachingTagger, file: _LocalFile, request: TagRequest
    ) -> Tagging:
        async def examine() -> ClipFile:
            return await self._examine(file, tagger.tagger, request)

        return await tagger.tag(file.fingerprint, examine, request)

    async def _examine(self, file: _LocalFile, tagger: Tagger, request: TagRequest) -> ClipFile:
        """Check the size, format and length of a clip against a tagger's limits."""
        _check_size(file.size, tagger, public=file.public_url is not None)
        with self._metrics.stage("probe"):
            packets = max(MAX_PACKETS, tagger.longest // 3)  # in longer clips, 333 a second
            probed = await probe(
                self._sandbox,
                file.path,
                longest=tagger.longest,
                packets=packets,
                owner=request.owner,
            )
        info = ClipInfo(probed.format, file.size, probed.duration, file.fingerprint)
        return ClipFile(
            file.path, info, file.public_url, request.language, request.owner, request.senses
        )

    def _check_claims(self, clip: Clip) -> None:
        """Refuse a clip before fetching it if Discord already says that it won't do."""
        if clip.size is not None:
            _check_size(clip.size, self.tagger, public=True)
        if clip.duration is not None and clip.duration > self.tagger.longest:
            raise TooLong.of(clip.duration, self.tagger.longest)
        kind = (clip.content_type or "").partition(";")[0].strip().lower()
        if kind.startswith(("image/", "audio/", "text/")) and kind not in _MOVING:
            raise UnsupportedFormat(format=describe_content_type(kind), formats=FORMAT_NAMES)


def _check_size(size: int, tagger: Tagger, *, public: bool) -> None:
    limit = tagger.size_limit(public=public)
    if size > limit:
        raise TooLarge.of(size, limit)


def _size_of_file(path: Path) -> int:
    """Return a file's size; opening anything else, such as a pipe, might never end."""
    status = path.stat()
    if not stat.S_ISREG(status.st_mode):
        raise NotFound(reason="not_a_file", detail=f"{path}: not a regular file")
    return status.st_size


def _fingerprint(path: Path) -> str:
    with path.open("rb") as file:
        return f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}"


def _as_page(error: UnsupportedFormat) -> UnsupportedFormat:
    """Say it if a link leads to a web page; people take a share page for its file."""
    if error.facts["format"] != WEB_PAGES:
        return error
    return UnsupportedFormat(reason="page", detail=error.detail, **error.facts)
