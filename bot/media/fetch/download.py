"""Downloading links, with limits on bytes, time and redirects, from public hosts only."""

from __future__ import annotations

import asyncio
import hashlib
import re
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from typing import TYPE_CHECKING, BinaryIO, Self

import aiohttp

from bot.domain.links import DISCORD_CDN
from bot.domain.progress import Progress, Stage, ignore_progress
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
from bot.media.fetch.download_slots import DownloadSlots
from bot.media.fetch.guard import TIMEOUTS, AddressRefusedError, guarded_session, unguarded_session
from bot.media.fetch.links_as_written import next_link, read_link
from bot.media.fetch.overhead import OverheadLimit
from bot.media.fetch.own_networks import OwnNetworks
from bot.media.fetch.pace import Pace
from bot.media.scratch_dir import reporting_full_disk
from bot.runtime.tasks import open_in_thread

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Collection, Iterable, Mapping
    from pathlib import Path
    from types import TracebackType

    from yarl import URL

    from bot.domain.progress import ProgressListener
    from bot.media.fetch.pace import PaceTimer

_CHUNK = 256 * 1024
_BATCH = 1024 * 1024  # a hand-over to a thread costs as much as hashing a tenth of this
MEDIA_HEAD = 65_536
"""Bytes read of a media file of which only the type matters."""
_MEDIA = ("video/", "audio/", "image/", "application/octet-stream")
_MAX_REDIRECTS = 10
_MAX_URL_LENGTH = 2048
# Host and port as written. URL parsers forgive much more, each in its own way.
_AUTHORITY = re.compile(r"(?:[a-z][a-z0-9+.-]*:)?//([^/?#]*)", re.IGNORECASE | re.ASCII)
_PLAIN_AUTHORITY = re.compile(r"([^@:%\[\]\\]+|\[[0-9a-fA-F:.]+\])(:[1-9][0-9]{0,4})?")
_REDIRECTS = {301, 302, 303, 307, 308}
_KEEP_METHOD = {307, 308}
_SECRETS = {"authorization", "cookie"}


@dataclass(frozen=True, slots=True)
class Fetched:
    """A downloaded file: its size in bytes and its fingerprint.

    ``public`` means that every address on the way was public, so others can fetch the file too.
    """

    size: int
    fingerprint: str
    public: bool


@dataclass(frozen=True, slots=True)
class Request:
    """An HTTP request for a link."""

    link: str
    method: str = "GET"
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None


@dataclass(frozen=True, slots=True)
class SavedResponse:
    """A response of any status whose body was saved to a file; ``link`` is its final address."""

    link: str
    status: int
    headers: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class _Response:
    """A response that is arriving; ``public`` if every address on the way was."""

    http: aiohttp.ClientResponse
    public: bool
    timer: PaceTimer


class Fetcher:
    """Downloads links. The ``(host, port)`` pairs in ``allowed`` need not be public.

    Downloads from the hosts in ``cdn`` never wait for those from others. Our ``own`` networks are
    never public.
    """

    def __init__(
        self,
        allowed: Iterable[tuple[str, int]] = (),
        timeouts: aiohttp.ClientTimeout = TIMEOUTS,
        *,
        pace: Pace | None = None,
        cdn: Collection[str] = DISCORD_CDN,
        own: OwnNetworks | None = None,
    ) -> None:
        self._allowed = frozenset(allowed)
        self._pace = pace or Pace()
        self._slots = DownloadSlots(cdn)
        self._own = own or OwnNetworks()
        self._guarded = guarded_session(timeouts, self._own)
        self._unguarded = unguarded_session(timeouts)

    async def __aenter__(self) -> Self:
        """Return the fetcher itself; sockets are opened on first use."""
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

    async def fetch(
        self, link: str, into: Path, limit: int, progress: ProgressListener, owner: str = ""
    ) -> Fetched:
        """Download ``link`` into a file, at most ``limit`` bytes; wait for a slot of the owner's.

        Raises ``UnsupportedUrl``, ``AddressNotPublic``, ``NotFound``, ``Unreachable``,
        ``LinkExpired``, ``TooLarge``, ``TooSlow`` or ``DiskFull``.
        """
        async with self.slot(link, owner):
            return await self.fetch_request(Request(link), into, limit, progress)

    def slot(self, link: str, owner: str) -> AbstractAsyncContextManager[None]:
        """Hold a slot for a download of the owner's; raises ``UnsupportedUrl``."""
        return self._slots.held(self._checked(link).host_port_subcomponent or "", owner)

    async def fetch_request(
        self, request: Request, into: Path, limit: int, progress: ProgressListener
    ) -> Fetched:
        """Send a request and save its response, as ``fetch`` does for a link."""
        async with self._responding(request, into) as response:
            _require_ok(response.http)
            size, fingerprint = await _save(response, into, limit, progress)
            return Fetched(size, fingerprint, response.public)

    async def save_response(self, request: Request, into: Path, limit: int) -> SavedResponse:
        """Send a request and save the body of its response, whatever the status.

        Of a media file only the first ``MEDIA_HEAD`` bytes are saved. Raises as ``fetch`` does.
        """
        async with self._responding(request, into) as response:
            http = response.http
            if http.content_type.startswith(_MEDIA):
                start = await http.content.read(min(limit, MEDIA_HEAD))
                await asyncio.to_thread(into.write_bytes, start)
            else:
                await _save(response, into, limit, ignore_progress)
            headers = tuple((name, value) for name, value in http.headers.items())
            return SavedResponse(str(http.url), http.status, headers)

    @asynccontextmanager
    async def _responding(self, request: Request, into: Path) -> AsyncIterator[_Response]:
        """Give the response, and turn failures into our errors until the block ends."""
        url = self._checked(request.link)
        try:
            with reporting_full_disk(into.parent):
                async with (
                    self._pace.kept() as timer,
                    self._followed(url, request, timer) as response,
                ):
                    yield response
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

    @asynccontextmanager
    async def _followed(
        self, url: URL, request: Request, timer: PaceTimer
    ) -> AsyncIterator[_Response]:
        """Follow redirects, each in the time of a new download; give the last response."""
        public = True
        for _ in range(_MAX_REDIRECTS + 1):
            trusted = (url.host, url.port) in self._allowed
            public = public and not trusted
            if trusted and request.body is not None:
                raise Unreachable(
                    detail=f"{url.host}: requests with a body aren't sent to FETCH_ALLOWED_HOSTS"
                )
            if not trusted:
                await self._own.refresh()
            session = self._unguarded if trusted else self._guarded
            async with session.request(
                request.method,
                url,
                headers=request.headers,
                data=request.body,
                allow_redirects=False,
            ) as response:
                timer.restart()
                if response.status not in _REDIRECTS:
                    yield _Response(response, public, timer)
                    return
                previous, url = url.host, self._checked(_next_hop(url, response))
                request = _redirected(request, response.status, same_host=previous == url.host)
        raise Unreachable(detail=f"{url.host}: more than {_MAX_REDIRECTS} redirects")

    def _checked(self, link: str) -> URL:
        """Return the link as a URL; raises ``UnsupportedUrl`` for any unusual form."""
        if len(link) > _MAX_URL_LENGTH or any(c.isspace() or c == "\\" or c < "!" for c in link):
            raise UnsupportedUrl
        _require_plain(link)
        try:
            url = read_link(link)
            host, port = url.host, url.port
        except ValueError as error:
            raise UnsupportedUrl from error
        if url.scheme not in {"http", "https"} or not host or url.user or url.password:
            raise UnsupportedUrl
        if port not in {80, 443} and (host, port) not in self._allowed:
            raise UnsupportedUrl
        return url


def _redirected(request: Request, status: int, *, same_host: bool) -> Request:
    """Return the request to send to a redirect's target, without secrets (RFC 9110, 15.4)."""
    headers = {
        name: value
        for name, value in request.headers.items()
        if same_host or name.lower() not in _SECRETS
    }
    if request.body is None or status in _KEEP_METHOD:
        return replace(request, headers=headers)
    return replace(request, method="GET", headers=headers, body=None)


def _next_hop(url: URL, response: aiohttp.ClientResponse) -> str:
    location = response.headers.get("Location", "")
    if not location:
        raise Unreachable(detail=f"{url.host}: redirect without a target")
    _require_plain(location)  # parsing would tidy it
    return next_link(url, location)


def _require_plain(link: str) -> None:
    """Refuse a link whose host and port, if it has them, are written in an unusual way."""
    written = _AUTHORITY.match(link)
    unusual = written and not _PLAIN_AUTHORITY.fullmatch(written[1])
    if unusual or any(c < " " for c in link):
        raise UnsupportedUrl


def _require_ok(response: aiohttp.ClientResponse) -> None:
    if response.status in {HTTPStatus.NOT_FOUND, HTTPStatus.GONE}:
        raise NotFound(detail=f"{response.url.host}: HTTP {response.status}")
    if response.status == HTTPStatus.FORBIDDEN:
        raise LinkExpired(detail=f"{response.url.host}: HTTP {response.status}")
    if response.status != HTTPStatus.OK:
        raise Unreachable(detail=f"{response.url.host}: HTTP {response.status}")


async def _save(
    response: _Response, into: Path, limit: int, progress: ProgressListener
) -> tuple[int, str]:
    """Stream the body into a file. The bytes received count, not the announced length."""
    announced = response.http.content_length
    if announced is not None and announced > limit:
        raise TooLarge.of(announced, limit)
    size = 0
    overhead = OverheadLimit(response.http)
    batch = bytearray()
    with await open_in_thread(lambda: into.open("wb")) as file:
        writer = _BackgroundWriter(file)
        try:
            async for chunk in response.http.content.iter_chunked(_CHUNK):
                response.timer.received(len(chunk))
                size += len(chunk)
                overhead.check(size)
                if size > limit:
                    raise TooLarge.of(size, limit, at_least=True)
                batch += chunk
                if len(batch) >= _BATCH:
                    await writer.write(batch)
                    batch = bytearray()
                    progress(Progress(Stage.DOWNLOAD, size, announced))
            await writer.write(batch)
        finally:
            await writer.flush()
    progress(Progress(Stage.DOWNLOAD, size, announced))
    return size, writer.fingerprint


class _BackgroundWriter:
    """Writes and hashes batches of bytes in threads while the next batch arrives."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._digest = hashlib.sha256()
        self._pending: list[asyncio.Future[object]] = []

    @property
    def fingerprint(self) -> str:
        """The fingerprint of the bytes written so far."""
        return f"sha256:{self._digest.hexdigest()}"

    async def write(self, batch: bytearray) -> None:
        """Begin to write a batch, once the one before it is written."""
        await self.flush()
        run = asyncio.get_running_loop().run_in_executor
        work: tuple[Callable[[bytearray], object], ...] = self._file.write, self._digest.update
        self._pending = [run(None, each, batch) for each in work]

    async def flush(self) -> None:
        """Wait until everything is written."""
        pending, self._pending = self._pending, []
        await asyncio.gather(*pending)
