"""The CDN: serves attachments by signed URL, with the faults that a test has set."""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from typing import TYPE_CHECKING

from aiohttp import web

from loopback_discord.faults import (
    EndlessDownload,
    RefuseDownload,
    StallDownload,
    TruncateDownload,
    WrongContentLength,
)

if TYPE_CHECKING:
    from loopback_discord.model.attachments import Attachment
    from loopback_discord.model.state import State


class Cdn:
    """Serves attachments; ``closing`` ends downloads that are stalled or endless."""

    def __init__(self, state: State, closing: asyncio.Event) -> None:
        self._state = state
        self._closing = closing

    def add_to(self, app: web.Application) -> None:
        app.router.add_get("/attachments/{channel}/{attachment}/{filename}", self._serve)

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        snowflake = request.match_info["attachment"]
        attachment = self._state.attachments.get(int(snowflake)) if snowflake.isdecimal() else None
        if attachment is None:
            return web.Response(status=HTTPStatus.NOT_FOUND)
        error_status = attachment.error_status(request.query)
        if error_status is not None:
            text = "This content is no longer available."
            return web.Response(status=error_status, text=text)
        attachment.downloads += 1
        self._state.changes.notify()
        return await self._send(request, attachment)

    async def _send(self, request: web.Request, file: Attachment) -> web.StreamResponse:
        response = web.StreamResponse(headers=_headers(file))
        match file.fault:
            case RefuseDownload(status):
                return web.Response(status=status)
            case StallDownload(after):
                await _write(request, response, file.content[:after], len(file.content))
                await self._closing.wait()
                _disconnect(request)
            case TruncateDownload(after):
                await _write(request, response, file.content[:after], len(file.content))
                _disconnect(request)
            case WrongContentLength(length):
                await _write(request, response, file.content, length)
                _disconnect(request)
            case EndlessDownload(interval):
                await self._send_endlessly(request, response, interval)
            case None:
                await _write(request, response, file.content, len(file.content))
        return response

    async def _send_endlessly(
        self, request: web.Request, response: web.StreamResponse, interval: float
    ) -> None:
        response.enable_chunked_encoding()
        await response.prepare(request)
        transport = request.transport
        while transport and not transport.is_closing() and not self._closing.is_set():
            await response.write(b"\0")
            await asyncio.sleep(interval)


def _headers(file: Attachment) -> dict[str, str]:
    content_type = file.content_type or "application/octet-stream"
    return {"Content-Type": content_type, "Accept-Ranges": "none"}


async def _write(
    request: web.Request, response: web.StreamResponse, content: bytes, length: int
) -> None:
    response.content_length = length
    await response.prepare(request)
    await response.write(content)


def _disconnect(request: web.Request) -> None:
    # Closing the transport still flushes what was written.
    if request.transport is not None:
        request.transport.close()
