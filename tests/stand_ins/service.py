"""What the stand-ins for services have in common: they listen on 127.0.0.1, and follow a script."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Generic, Self, TypeVar

from aiohttp import web
from yarl import URL

from loopback_discord import Changes

if TYPE_CHECKING:
    from types import TracebackType

    from tests.stand_ins.clarifai_replies import Reply

C = TypeVar("C")


class LoopbackService(Generic[C]):
    """A service on a free port of 127.0.0.1; use it as ``async with``.

    ``calls`` are those that counted, ``violations`` what was wrong with requests. ``request_limit``
    is in bytes, ``shutdown`` the seconds that requests have to end. ``path`` is that of its URL.
    """

    def __init__(self, *, request_limit: int, shutdown: float = 0, path: str = "") -> None:
        self.calls: list[C] = []
        self.violations: list[str] = []
        self.url = ""
        self._options = request_limit, shutdown, path
        self._script: deque[Reply] = deque()
        self._release = asyncio.Event()
        self._changes = Changes(lambda: f"{len(self.calls)} calls so far.")

    def script(self, *upcoming: Reply) -> None:
        """Answer the next requests with these replies, one each."""
        self._script.extend(upcoming)

    async def wait_for_calls(self, count: int) -> None:
        """Wait until there were this many calls."""
        enough = lambda: len(self.calls) >= count or None  # noqa: E731 - read where it is used
        await self._changes.wait_for(enough, f"{count} calls", timeout=60)

    async def __aenter__(self) -> Self:
        """Listen on a free port."""
        request_limit, shutdown, path = self._options
        app = web.Application(client_max_size=request_limit)
        app.router.add_route("*", "/{path:.*}", self._handle)
        self._runner = web.AppRunner(app, shutdown_timeout=shutdown)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.url = str(URL.build(scheme="http", host="127.0.0.1", port=site.port, path=path))
        return self

    async def __aexit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        """Release the requests that are kept waiting, and close."""
        self._release.set()
        await self._runner.cleanup()

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        """Answer a request."""
        raise NotImplementedError
