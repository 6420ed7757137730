"""A trap in the loopback Discord and Clarifai: it holds a process at a chosen moment of its work.

Whoever set the trap decides what becomes of the process; nothing is left to the clock.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field, replace
from enum import StrEnum
from random import Random
from typing import TYPE_CHECKING

from aiohttp import web

from tests.stand_ins.clarifai import LoopbackClarifai
from tests.stand_ins.discord import LoopbackDiscord

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from tests.stand_ins.clarifai_judge import Call
    from tests.stand_ins.clarifai_replies import Reply

    Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
    Owner = Callable[[int], str | None]

# Seconds Clarifai takes for a clip, so that clips of several people are at it at once.
_CLARIFAI_DELAYS = (0.02, 0.2)


class Work(StrEnum):
    """What a job asks of others, in this order."""

    DOWNLOAD = "downloading"
    TAG = "tagging"
    LOOK_BACK = "looking for an earlier reply"
    REPLY = "replying"


class Phase(StrEnum):
    """How far a request has come."""

    ASKED = "the request is lost"
    DONE = "it was done, the answer is lost"
    HEARD = "the answer was sent just now"


@dataclass(frozen=True)
class Moment:
    """One phase of one request."""

    work: Work
    phase: Phase

    def __str__(self) -> str:
        return f"{self.work}: {self.phase}"


@dataclass(frozen=True)
class Caught:
    """A request that is held, and who sent it, until ``release`` says what becomes of it."""

    moment: Moment
    sender: str
    _is_lost: asyncio.Future[bool] = field(default_factory=asyncio.Future)

    def release(self, *, lost: bool) -> None:
        """Go on; a ``lost`` request or its answer gets no further."""
        self._is_lost.set_result(lost)

    async def is_lost(self) -> bool:
        return await self._is_lost


class Breakpoints:
    """Catches one request each time it is set."""

    def __init__(self) -> None:
        self._wanted: Moment | None = None
        self._patience = 0
        self._owner: Owner = lambda _port: None
        self._caught: asyncio.Queue[Caught] = asyncio.Queue()

    def set(self, wanted: Moment, patience: int, owner: Owner) -> None:
        """Catch the next ``wanted`` moment, or a reply that is asked for after ``patience`` others.

        The latter is for moments that may never come: not every job looks for an earlier reply.
        ``owner`` names the process behind a client's port; what nobody owns is let through.
        """
        self._wanted, self._patience, self._owner = wanted, patience, owner

    async def caught(self, timeout: float = 60) -> Caught:  # noqa: ASYNC109 - the tests' own style
        """Wait until a process is held."""
        return await asyncio.wait_for(self._caught.get(), timeout)

    @web.middleware
    async def watch(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Answer a request by its handler, unless it is caught and lost on its way."""
        work = _work_of(request)
        if work is None:
            return await handler(request)
        with suppress(ConnectionError):  # of a client that was killed for another request
            return await self._watch(work, request, handler)
        return _lost(request)

    async def _watch(
        self, work: Work, request: web.Request, handler: Handler
    ) -> web.StreamResponse:
        if await self._catches(Moment(work, Phase.ASKED), request):
            return _lost(request)
        response = await handler(request)
        if await self._catches(Moment(work, Phase.DONE), request):
            return _lost(request)
        await response.prepare(request)
        await response.write_eof()
        await self._catches(Moment(work, Phase.HEARD), request)
        return response

    async def _catches(self, moment: Moment, request: web.Request) -> bool:
        """Hold the request if this is the moment; return whether it is lost then."""
        sender = self._sender(request) if self._wanted else None
        if sender is None:
            return False
        if moment != self._wanted and not self._has_waited_long(moment):
            return False
        self._wanted = None
        caught = Caught(moment, sender)
        self._caught.put_nowait(caught)
        return await caught.is_lost()

    def _has_waited_long(self, moment: Moment) -> bool:
        if moment != Moment(Work.REPLY, Phase.ASKED):
            return False
        self._patience -= 1
        return self._patience < 0

    def _sender(self, request: web.Request) -> str | None:
        """Name who sent it; requests of the dead have no socket any more."""
        address = request.transport and request.transport.get_extra_info("peername")
        return self._owner(address[1]) if address else None


class WatchedDiscord(LoopbackDiscord):
    """The loopback Discord, with a trap in its REST and its CDN."""

    def __init__(self, token: str, breakpoints: Breakpoints) -> None:
        super().__init__(token)
        self._trap = breakpoints

    def _add_rest(self, app: web.Application) -> None:
        app.middlewares.append(self._trap.watch)
        super()._add_rest(app)


class WatchedClarifai(LoopbackClarifai):
    """The loopback Clarifai, with a trap in it and a mind of its own about time."""

    def __init__(self, breakpoints: Breakpoints, seed: int) -> None:
        super().__init__()
        self._trap = breakpoints
        self._random = Random(seed)  # noqa: S311 - to be repeated, not to be secret

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        return await self._trap.watch(request, super()._handle)

    async def _reply_to(self, call: Call) -> Reply:
        reply = await super()._reply_to(call)
        return replace(reply, delay=self._random.uniform(*_CLARIFAI_DELAYS))


def _work_of(request: web.Request) -> Work | None:
    """Tell what a job is at from what it asks; what is no job's business is None."""
    path = request.path
    if path.startswith("/attachments/"):
        return Work.DOWNLOAD
    if path.endswith("/outputs"):
        return Work.TAG
    if "/channels/" in path and path.endswith("/messages"):
        return Work.REPLY if request.method == "POST" else Work.LOOK_BACK
    return None


def _lost(request: web.Request) -> web.Response:
    """Say nothing more to this client."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response(status=504)
