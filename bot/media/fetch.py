"""Downloading what people link to: bounded in bytes, time and redirects, public hosts only."""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, BinaryIO, Self

import aiohttp
from yarl import URL

from bot.domain.progress import Progress, Stage
from bot.errors import (
    AddressNotPublic,
    ClipError,
    DiskFull,
    LinkExpired,
    NotFound,
    TooLarge,
    TooSlow,
    Unreachable,
    UnsupportedUrl,
)
from bot.media.guard import TIMEOUTS, AddressRefusedError, guarded_session, unguarded_session
from bot.media.workplace import room_wanted

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path
    from types import TracebackType

    from bot.domain.progress import ProgressListener

_CHUNK = 256 * 1024
_MOST_REDIRECTS = 3
_LONGEST_URL = 2048
_REDIRECTS = {301, 302, 303, 307, 308}


@dataclass(frozen=True, slots=True)
class Fetched:
    """Bytes that now lie in a file: how many, their fingerprint, and whether others can get them.

    ``public`` is true where the link led to a public address all the way.
    """

    size: int
    fingerprint: str
    public: bool


class Fetcher:
    """Downloads links; ``allowed`` has the ``(host, port)`` pairs that need not be public."""

    def __init__(
        self, allowed: Iterable[tuple[str, int]] = (), timeouts: aiohttp.ClientTimeout = TIMEOUTS
    ) -> None:
        self._allowed = frozenset(allowed)
        self._guarded = guarded_session(timeouts)
        self._unguarded = unguarded_session(timeouts)

    async def __aenter__(self) -> Self:
        """Return itself; sessions open their sockets when they are first used."""
        return self

    async def __aexit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        """Close both sessions."""
        await self._guarded.close()
        await self._unguarded.close()

    async def fetch(self, link: str, into: Path, limit: int, progress: ProgressListener) -> Fetched:
        """Write what ``link`` answers into a file, ``limit`` bytes at most.

        Raises ``UnsupportedUrl``, ``AddressNotPublic``, ``NotFound``, ``Unreachable``,
        ``LinkExpired``, ``TooLarge``, ``TooSlow`` or ``DiskFull``.
        """
        url = self._checked(link)
        try:
            with room_wanted(into.parent):
                return await self._follow(url, into, limit, progress)
        except (ClipError, DiskFull):
            raise
        except TimeoutError as error:
            raise TooSlow(stage="download", detail=f"{url.host}: timed out") from error
        except aiohttp.ClientConnectorError as error:
            if isinstance(error.os_error, AddressRefusedError):
                raise AddressNotPublic(detail=f"{url.host}: {error.os_error}") from error
            raise Unreachable(detail=f"{url.host}: {error.os_error}") from error
        except (aiohttp.ClientError, ValueError) as error:
            raise Unreachable(detail=f"{url.host}: {type(error).__name__}") from error

    async def _follow(
        self, url: URL, into: Path, limit: int, progress: ProgressListener
    ) -> Fetched:
        public = True
        for _ in range(_MOST_REDIRECTS + 1):
            trusted = (url.host, url.port) in self._allowed
            public = public and not trusted
            session = self._unguarded if trusted else self._guarded
            async with session.get(url, allow_redirects=False) as answer:
                if answer.status not in _REDIRECTS:
                    _require_ok(answer)
                    size, fingerprint = await _save(answer, into, limit, progress)
                    return Fetched(size, fingerprint, public)
                url = self._checked(_next_hop(url, answer))
        raise Unreachable(detail=f"{url.host}: more than {_MOST_REDIRECTS} redirects")

    def _checked(self, link: str) -> URL:
        """Return the link as a URL if its shape is one we fetch."""
        if len(link) > _LONGEST_URL or any(c.isspace() or c == "\\" or c < "!" for c in link):
            raise UnsupportedUrl
        try:
            url = URL(link)
            host, port = url.host, url.port
        except ValueError as error:
            raise UnsupportedUrl from error
        if url.scheme not in {"http", "https"} or not host or url.user or url.password:
            raise UnsupportedUrl
        if port not in {80, 443} and (host, port) not in self._allowed:
            raise UnsupportedUrl
        return url.with_fragment(None)


def _next_hop(url: URL, answer: aiohttp.ClientResponse) -> str:
    location = answer.headers.get("Location", "")
    if not location:
        raise Unreachable(detail=f"{url.host}: redirect to nowhere")
    return str(url.join(URL(location)))


def _require_ok(answer: aiohttp.ClientResponse) -> None:
    if answer.status in {HTTPStatus.NOT_FOUND, HTTPStatus.GONE}:
        raise NotFound(detail=f"{answer.url.host}: HTTP {answer.status}")
    if answer.status == HTTPStatus.FORBIDDEN:
        raise LinkExpired(detail=f"{answer.url.host}: HTTP {answer.status}")
    if answer.status != HTTPStatus.OK:
        raise Unreachable(detail=f"{answer.url.host}: HTTP {answer.status}")


async def _save(
    answer: aiohttp.ClientResponse, into: Path, limit: int, progress: ProgressListener
) -> tuple[int, str]:
    """Stream the body into a file; the count of bytes received decides, not what was announced."""
    announced = answer.content_length
    if announced is not None and announced > limit:
        raise TooLarge(announced, limit)
    digest = hashlib.sha256()
    size = 0
    with await asyncio.to_thread(into.open, "wb") as file:
        async for chunk in answer.content.iter_chunked(_CHUNK):
            size += len(chunk)
            if size > limit:
                raise TooLarge(size, limit, at_least=True)
            await asyncio.to_thread(_keep, file, digest, chunk)
            progress(Progress(Stage.DOWNLOAD, size, announced))
    return size, f"sha256:{digest.hexdigest()}"


def _keep(file: BinaryIO, digest: hashlib._Hash, chunk: bytes) -> None:
    file.write(chunk)
    digest.update(chunk)
