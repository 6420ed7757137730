"""The CDN: hands out attachments by signed links, and misbehaves where it is told to."""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from typing import TYPE_CHECKING

from aiohttp import web

from tests.stand_ins.discord.attachments import Claim, Cut, Refuse, Stall, Trickle

if TYPE_CHECKING:
    from tests.stand_ins.discord.attachments import Attachment
    from tests.stand_ins.discord.world import World


class Cdn:
    """Serves what the world stores; ``closing`` frees the downloads that were left hanging."""

    def __init__(self, world: World, closing: asyncio.Event) -> None:
        self._world = world
        self._closing = closing

    def add_to(self, app: web.Application) -> None:
        app.router.add_get("/attachments/{channel}/{attachment}/{filename}", self._serve)

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        number = request.match_info["attachment"]
        attachment = self._world.attachments.get(int(number)) if number.isdecimal() else None
        if attachment is None:
            return web.Response(status=HTTPStatus.NOT_FOUND)
        refused = attachment.refuses(request.query)
        if refused is not None:
            text = "This content is no longer available."
            return web.Response(status=refused, text=text)
        attachment.downloads += 1
        self._world.changes.notify()
        return await self._deliver(request, attachment)

    async def _deliver(self, request: web.Request, file: Attachment) -> web.StreamResponse:
        response = web.StreamResponse(headers=_headers(file))
        match file.delivery:
            case Refuse(status):
                return web.Response(status=status)
            case Stall(after):
                await _send(request, response, file.content[:after], len(file.content))
                await self._closing.wait()
                _hang_up(request)
            case Cut(after):
                await _send(request, response, file.content[:after], len(file.content))
                _hang_up(request)
            case Claim(length):
                await _send(request, response, file.content, length)
                _hang_up(request)
            case Trickle(interval):
                await self._trickle(request, response, interval)
            case None:
                await _send(request, response, file.content, len(file.content))
        return response

    async def _trickle(
        self, request: web.Request, response: web.StreamResponse, interval: float
    ) -> None:
        response.enable_chunked_encoding()
        await response.prepare(request)
        transport = request.transport
        while transport and not transport.is_closing() and not self._closing.is_set():
            await response.write(b"\0")
            # A pace, not a wait: this is the slow sender itself.
            await asyncio.sleep(interval)


def _headers(file: Attachment) -> dict[str, str]:
    kind = file.content_type or "application/octet-stream"
    return {"Content-Type": kind, "Accept-Ranges": "none"}


async def _send(
    request: web.Request, response: web.StreamResponse, content: bytes, length: int
) -> None:
    response.content_length = length
    await response.prepare(request)
    await response.write(content)


def _hang_up(request: web.Request) -> None:
    # Closing flushes what was written; what was promised beyond it never comes.
    if request.transport is not None:
        request.transport.close()
