"""Downloading what people link to: bounded in bytes, time and redirects, public hosts only."""

from __future__ import annotations

import asyncio
import hashlib
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from typing import TYPE_CHECKING, BinaryIO, Self

import aiohttp
from yarl import URL

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
from bot.media.fetch.guard import TIMEOUTS, AddressRefusedError, guarded_session, unguarded_session
from bot.media.scratch_dir import reporting_full_disk
from bot.runtime.tasks import open_in_thread

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable, Mapping
    from pathlib import Path
    from types import TracebackType

    from bot.domain.progress import ProgressListener

_CHUNK = 256 * 1024
_BATCH = 1024 * 1024  # handing something to a thread costs as much as hashing a tenth of this
GLIMPSE = 65_536
"""Bytes."""
_MEDIA = ("video/", "audio/", "image/", "application/octet-stream")
_MAX_REDIRECTS = 3
_MAX_URL_LENGTH = 2048
_REDIRECTS = {301, 302, 303, 307, 308}
_KEEP_METHOD = {307, 308}
_SECRETS = {"authorization", "cookie"}


@dataclass(frozen=True, slots=True)
class Fetched:
    """Bytes that now lie in a file: how many, their fingerprint, and whether others can get them.

    ``public`` is true where the link led to a public address all the way.
    """

    size: int
    fingerprint: str
    public: bool


@dataclass(frozen=True, slots=True)
class Question:
    """What to ask of a link: a method, headers, and what is sent along."""

    link: str
    method: str = "GET"
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None


@dataclass(frozen=True, slots=True)
class Answered:
    """Whatever a server said, also when it said no: the body lies in a file, ``link`` said it."""

    link: str
    status: int
    headers: tuple[tuple[str, str], ...]


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
        return await self.fetch_as(Question(link), into, limit, progress)

    async def fetch_as(
        self, question: Question, into: Path, limit: int, progress: ProgressListener
    ) -> Fetched:
        """Do the same with a question of one's own."""
        async with self._asked(question, into) as (answer, public):
            _require_ok(answer)
            size, fingerprint = await _save(answer, into, limit, progress)
            return Fetched(size, fingerprint, public)

    async def ask(self, question: Question, into: Path, limit: int) -> Answered:
        """Write what is answered into a file, whatever the status; raises as ``fetch`` does.

        Of what is no text the first bytes are read, at most ``GLIMPSE``: they tell what it is.
        """
        async with self._asked(question, into) as (answer, _public):
            if answer.content_type.startswith(_MEDIA):
                start = await answer.content.read(min(limit, GLIMPSE))
                await asyncio.to_thread(into.write_bytes, start)
            else:
                await _save(answer, into, limit, ignore_progress)
            headers = tuple((name, value) for name, value in answer.headers.items())
            return Answered(str(answer.url), answer.status, headers)

    @asynccontextmanager
    async def _asked(
        self, question: Question, into: Path
    ) -> AsyncIterator[tuple[aiohttp.ClientResponse, bool]]:
        """Ask, and call what goes wrong until the answer is in the file by its name."""
        url = self._checked(question.link)
        try:
            with reporting_full_disk(into.parent):
                async with self._followed(url, question) as found:
                    yield found
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
        self, url: URL, question: Question
    ) -> AsyncIterator[tuple[aiohttp.ClientResponse, bool]]:
        """Give the answer at the end of the redirects, and whether all of them were public."""
        public = True
        for _ in range(_MAX_REDIRECTS + 1):
            trusted = (url.host, url.port) in self._allowed
            public = public and not trusted
            if trusted and question.body is not None:
                raise Unreachable(detail=f"{url.host}: nothing is sent to hosts of the operator's")
            session = self._unguarded if trusted else self._guarded
            async with session.request(
                question.method,
                url,
                headers=question.headers,
                data=question.body,
                allow_redirects=False,
            ) as answer:
                if answer.status not in _REDIRECTS:
                    yield answer, public
                    return
                left, url = url.host, self._checked(_next_hop(url, answer))
                question = _redirected(question, answer.status, same_host=left == url.host)
        raise Unreachable(detail=f"{url.host}: more than {_MAX_REDIRECTS} redirects")

    def _checked(self, link: str) -> URL:
        """Return the link as a URL if its shape is one we fetch."""
        if len(link) > _MAX_URL_LENGTH or any(c.isspace() or c == "\\" or c < "!" for c in link):
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


def _redirected(question: Question, status: int, *, same_host: bool) -> Question:
    """Return what to ask where a redirect leads: RFC 9110, section 15.4; secrets stay behind."""
    headers = {
        name: value
        for name, value in question.headers.items()
        if same_host or name.lower() not in _SECRETS
    }
    if question.body is None or status in _KEEP_METHOD:
        return replace(question, headers=headers)
    return replace(question, method="GET", headers=headers, body=None)


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
    size = 0
    batch = bytearray()
    with await open_in_thread(lambda: into.open("wb")) as file:
        keeping = _Keeping(file)
        try:
            async for chunk in answer.content.iter_chunked(_CHUNK):
                size += len(chunk)
                if size > limit:
                    raise TooLarge(size, limit, at_least=True)
                batch += chunk
                if len(batch) >= _BATCH:
                    await keeping.keep(batch)
                    batch = bytearray()
                    progress(Progress(Stage.DOWNLOAD, size, announced))
            await keeping.keep(batch)
        finally:
            await keeping.settle()
    progress(Progress(Stage.DOWNLOAD, size, announced))
    return size, keeping.fingerprint


class _Keeping:
    """Writes and hashes batches of bytes, each in a thread of its own, while the next comes in."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._digest = hashlib.sha256()
        self._under_way: list[asyncio.Future[object]] = []

    @property
    def fingerprint(self) -> str:
        """The fingerprint of what is kept so far."""
        return f"sha256:{self._digest.hexdigest()}"

    async def keep(self, batch: bytearray) -> None:
        """Begin to keep a batch; wait only for the one before it."""
        await self.settle()
        run = asyncio.get_running_loop().run_in_executor
        work: tuple[Callable[[bytearray], object], ...] = self._file.write, self._digest.update
        self._under_way = [run(None, each, batch) for each in work]

    async def settle(self) -> None:
        """Wait until nothing is under way."""
        under_way, self._under_way = self._under_way, []
        await asyncio.gather(*under_way)
