"""Breakpoints in the loopback Discord and Clarifai: they hold a request at a chosen moment.

A test kills the process that waits for the request, or lets it go on; no timing is involved.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field, replace
from enum import StrEnum
from random import Random
from typing import TYPE_CHECKING

from aiohttp import web

from loopback_discord import LoopbackDiscord
from tests.stand_ins.clarifai import LoopbackClarifai

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from tests.stand_ins.clarifai_judge import Call
    from tests.stand_ins.clarifai_replies import Reply

    Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
    Owner = Callable[[int], str | None]

# Seconds Clarifai takes for a clip, so that it works on several at once.
_CLARIFAI_DELAYS = (0.02, 0.2)


class Step(StrEnum):
    """The requests of a job, in this order."""

    DOWNLOAD = "downloading"
    TAG = "tagging"
    LOOK_BACK = "looking for an earlier reply"
    REPLY = "replying"


class Phase(StrEnum):
    """How far a request has got."""

    RECEIVED = "the request is lost"
    HANDLED = "the request was carried out, the response is lost"
    ANSWERED = "the response was just sent"


@dataclass(frozen=True)
class Moment:
    """One phase of one request."""

    step: Step
    phase: Phase

    def __str__(self) -> str:
        return f"{self.step}: {self.phase}"


@dataclass(frozen=True)
class HeldRequest:
    """A request that is held until ``release``, and the name of the process that sent it."""

    moment: Moment
    sender: str
    _is_lost: asyncio.Future[bool] = field(default_factory=asyncio.Future)

    def release(self, *, lost: bool) -> None:
        """Let the request continue, unless it is ``lost``."""
        self._is_lost.set_result(lost)

    async def is_lost(self) -> bool:
        return await self._is_lost


class Breakpoints:
    """Holds one request each time it is set."""

    def __init__(self) -> None:
        self._wanted: Moment | None = None
        self._replies_left = 0
        self._owner: Owner = lambda _port: None
        self._held: asyncio.Queue[HeldRequest] = asyncio.Queue()

    def set(self, wanted: Moment, max_replies: int, owner: Owner) -> None:
        """Hold the next request at the ``wanted`` moment, or the reply after ``max_replies``.

        The latter is for moments that may never come: not every job looks for an earlier reply.
        ``owner`` names the process behind a client's port; requests of others are let through.
        """
        self._wanted, self._replies_left, self._owner = wanted, max_replies, owner

    async def held(self, timeout: float = 60) -> HeldRequest:  # noqa: ASYNC109 - as in loopback_discord
        """Wait until a request is held."""
        return await asyncio.wait_for(self._held.get(), timeout)

    @web.middleware
    async def watch(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Handle a request, unless it is held and then lost."""
        step = _step_of(request)
        if step is None:
            return await handler(request)
        with suppress(ConnectionError):  # the client was killed while another request was held
            return await self._watch(step, request, handler)
        return _lost(request)

    async def _watch(
        self, step: Step, request: web.Request, handler: Handler
    ) -> web.StreamResponse:
        if await self._is_lost_at(Moment(step, Phase.RECEIVED), request):
            return _lost(request)
        response = await handler(request)
        if await self._is_lost_at(Moment(step, Phase.HANDLED), request):
            return _lost(request)
        await response.prepare(request)
        await response.write_eof()
        await self._is_lost_at(Moment(step, Phase.ANSWERED), request)
        return response

    async def _is_lost_at(self, moment: Moment, request: web.Request) -> bool:
        """Hold the request if this is the wanted moment; return whether it is then lost."""
        sender = self._sender(request) if self._wanted else None
        if sender is None:
            return False
        if moment != self._wanted and not self._is_last_reply(moment):
            return False
        self._wanted = None
        held = HeldRequest(moment, sender)
        self._held.put_nowait(held)
        return await held.is_lost()

    def _is_last_reply(self, moment: Moment) -> bool:
        if moment != Moment(Step.REPLY, Phase.RECEIVED):
            return False
        self._replies_left -= 1
        return self._replies_left < 0

    def _sender(self, request: web.Request) -> str | None:
        """Return the name of the sending process; a dead one has no socket any more."""
        address = request.transport and request.transport.get_extra_info("peername")
        return self._owner(address[1]) if address else None


class WatchedDiscord(LoopbackDiscord):
    """The loopback Discord, with breakpoints in its REST API and its CDN."""

    def __init__(self, token: str, breakpoints: Breakpoints) -> None:
        super().__init__(token)
        self._breakpoints = breakpoints

    def _add_rest(self, app: web.Application) -> None:
        app.middlewares.append(self._breakpoints.watch)
        super()._add_rest(app)


class WatchedClarifai(LoopbackClarifai):
    """The loopback Clarifai, with breakpoints and random delays."""

    def __init__(self, breakpoints: Breakpoints, seed: int) -> None:
        super().__init__()
        self._breakpoints = breakpoints
        self._random = Random(seed)  # noqa: S311 - to be repeated, not to be secret

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        return await self._breakpoints.watch(request, super()._handle)

    async def _reply_to(self, call: Call) -> Reply:
        reply = await super()._reply_to(call)
        return replace(reply, delay=self._random.uniform(*_CLARIFAI_DELAYS))


def _step_of(request: web.Request) -> Step | None:
    """Return the step of a job that a request belongs to, if any."""
    path = request.path
    if path.startswith("/attachments/"):
        return Step.DOWNLOAD
    if path.endswith("/outputs"):
        return Step.TAG
    if "/channels/" in path and path.endswith("/messages"):
        return Step.REPLY if request.method == "POST" else Step.LOOK_BACK
    return None


def _lost(request: web.Request) -> web.Response:
    """Close the connection without a response."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response(status=504)
