"""One socket of the gateway, written to through a queue, so that telling never waits."""

from __future__ import annotations

import asyncio
import zlib
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from aiohttp import web


class Connection:
    """Sends frames in order: plain text, or zlib-stream where the client asked for it."""

    def __init__(self, request: web.Request, socket: web.WebSocketResponse) -> None:
        self._request = request
        self._socket = socket
        self._queue: asyncio.Queue[str] = asyncio.Queue()
        asked = request.query.get("compress")
        self._deflate = zlib.compressobj() if asked == "zlib-stream" else None

    def send(self, frame: str) -> None:
        self._queue.put_nowait(frame)

    async def close(self, code: int, reason: str) -> None:
        await self._socket.close(code=code, message=reason.encode())

    def abort(self) -> None:
        """Cut the connection; the other side sees no closing handshake."""
        if self._request.transport is not None:
            self._request.transport.abort()

    @asynccontextmanager
    async def sending(self) -> AsyncIterator[None]:
        """Empty the queue into the socket for as long as the block runs."""
        task = asyncio.create_task(self._pump())
        try:
            yield
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError, ConnectionError):
                await task

    async def _pump(self) -> None:
        while True:
            frame = await self._queue.get()
            if self._deflate is None:
                await self._socket.send_str(frame)
            else:
                packed = self._deflate.compress(frame.encode())
                await self._socket.send_bytes(packed + self._deflate.flush(zlib.Z_SYNC_FLUSH))
