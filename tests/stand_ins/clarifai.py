"""A Clarifai of our own on 127.0.0.1: a real server that checks every request.

Requests are checked with Clarifai's own ``PostModelOutputsRequest`` (``clarifai-grpc``), and for
what a protobuf cannot express: the path, the token, one clip per request, ranges and sizes. Faults
are collected in ``violations`` and answered as Clarifai would. Bots in other processes reach it by
``url``.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from typing import TYPE_CHECKING

import aiohttp
from aiohttp import web
from yarl import URL

from tests.stand_ins import clarifai_replies as replies
from tests.stand_ins.clarifai_judge import RefusedError, check_token, names_in, read_call
from tests.stand_ins.service import LoopbackService

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from tests.stand_ins.clarifai_judge import Call
    from tests.stand_ins.clarifai_replies import Reply

# Bytes; above Clarifai's limits, so that this server can refuse larger bodies itself.
_REQUEST_LIMIT = 400_000_000


class LoopbackClarifai(LoopbackService["Call"]):
    """Answers with the replies of ``script``, then with those given to ``serve``.

    ``bytes_limit`` and ``link_limit`` are the documented limits in bytes. With ``fetches`` it
    downloads links itself, from 127.0.0.1 only, and answers 30002 for those it can't get. ``eyes``,
    if set, gets the bytes of each clip and may return the reply.
    """

    def __init__(
        self,
        *,
        bytes_limit: int = 10_000_000,
        link_limit: int = 80_000_000,
        fetches: bool = False,
    ) -> None:
        super().__init__(request_limit=_REQUEST_LIMIT, shutdown=1)
        self.checks: list[str] = []
        self.pictures: list[Call] = []
        self.billed_frames = 0
        self.called = asyncio.Event()
        self._limits = (bytes_limit, link_limit)
        self._fetches = fetches
        self._default = replies.recorded("video_beer_2017.json")
        self._by_clip: dict[str, Reply] = {}
        self._by_model: dict[str, Reply] = {}
        self.eyes: Callable[[bytes], Reply | None] | None = None
        self._closing = asyncio.Event()

    def serve(self, reply: Reply, *, sha256: str | None = None, model: str | None = None) -> None:
        """Answer like this from now on, or only for a clip (hex digits) or a model."""
        if model is not None:
            self._by_model[model] = reply
        elif sha256 is None:
            self._default = reply
        else:
            self._by_clip[sha256] = reply

    def calls_of(self, model: str) -> int:
        """Return how many clips a model was sent."""
        return sum(call.model_id == model for call in self.calls)

    def release(self) -> None:
        """Answer all requests that are kept waiting."""
        self._release.set()
        self._release = asyncio.Event()

    async def __aexit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        """Release the requests that are kept waiting, and close."""
        self._closing.set()
        await super().__aexit__(_kind, _error, _trace)

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        try:
            check_token(request.headers)
            reply = await self._answer(request)
        except RefusedError as refused:
            self.violations.append(f"{request.method} {request.path}: {refused}")
            reply = refused.reply
        return await self._give(reply, request)

    async def _answer(self, request: web.Request) -> Reply:
        names = names_in(request.path)
        if request.method == "GET":
            self.checks.append(request.path)
            return self._scripted() or replies.model(names["models"], names.get("versions"))
        if request.method != "POST" or not request.path.endswith("/outputs"):
            raise RefusedError(11101, "no such endpoint", 404)
        at = time.monotonic()
        call, content = read_call(await request.read(), at, request.path)
        if call.is_picture:
            self.pictures.append(call)
            self.billed_frames += 1
            return self._scripted() or replies.picture({"grey": 0.9})
        self.calls.append(call)
        self.called.set()
        self._changes.notify()
        self._check_size(call)
        seen = await asyncio.to_thread(self.eyes, content) if self.eyes and content else None
        reply = seen or await self._reply_to(call)
        self.billed_frames += replies.count_frames(reply)
        return reply

    async def _reply_to(self, call: Call) -> Reply:
        scripted = self._scripted()
        if scripted is not None:
            return scripted
        sha256 = call.sha256
        if call.url is not None and self._fetches:
            sha256 = await self._fetch(call.url)
            if sha256 is None:
                return replies.output_failure(30002)
        usual = self._by_model.get(call.model_id, self._default)
        return self._by_clip.get(sha256 or "", usual)

    def _scripted(self) -> Reply | None:
        return self._script.popleft() if self._script else None

    def _check_size(self, call: Call) -> None:
        if call.size is not None and call.size > self._limits[0]:
            raise RefusedError(31105, f"{call.size} bytes are too many to send")

    async def _fetch(self, url: str) -> str | None:
        """Return the hash of the file behind a link on this machine, or nothing."""
        if URL(url).host != "127.0.0.1":
            return None
        try:
            async with (
                aiohttp.ClientSession(raise_for_status=True) as session,
                session.get(url) as response,
            ):
                content = await response.read()
        except aiohttp.ClientError:
            return None
        return hashlib.sha256(content).hexdigest() if len(content) <= self._limits[1] else None

    async def _give(self, reply: Reply, request: web.Request) -> web.StreamResponse:
        if reply.hangs:
            await self._release.wait()
        elif reply.delay:
            await self._wait(reply.delay)
        if reply.cuts and request.transport is not None:
            request.transport.abort()
        return web.Response(
            body=reply.content,
            status=reply.http,
            content_type=reply.content_type,
            headers=dict(reply.headers),
        )

    async def _wait(self, seconds: float) -> None:
        try:
            await asyncio.wait_for(self._closing.wait(), seconds)
        except TimeoutError:
            return
