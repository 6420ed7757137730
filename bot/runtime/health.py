"""The HTTP server for ``/healthz`` and ``/metrics``."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from aiohttp import web

from bot.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from bot.runtime.metrics import Metrics

Check = Callable[[], Awaitable[bool]]
_METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"


@asynccontextmanager
async def serving(
    host: str,
    port: int,
    checks: Mapping[str, Check],
    metrics: Metrics,
    refresh: Callable[[], Awaitable[None]],
) -> AsyncIterator[int]:
    """Serve both pages while the block runs; yields the port, a free one if ``port`` is 0.

    ``/healthz`` answers 200 if all ``checks`` hold, else 503. ``refresh`` is called before
    ``/metrics`` is written.

    Raises ``ConfigError`` if the port can't be used.
    """

    async def healthz(_request: web.Request) -> web.Response:
        results = {name: await _passes(check) for name, check in checks.items()}
        return web.json_response(results, status=200 if all(results.values()) else 503)

    async def metrics_page(_request: web.Request) -> web.Response:
        await refresh()
        return web.Response(body=metrics.page(), headers={"Content-Type": _METRICS_TYPE})

    app = web.Application()
    app.router.add_get("/healthz", healthz)
    app.router.add_get("/metrics", metrics_page)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        await _listen(runner, host, port)
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


async def _listen(runner: web.AppRunner, host: str, port: int) -> None:
    try:
        await web.TCPSite(runner, host, port).start()
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else str(error)
        mistake = f"METRICS_PORT: can't listen on {host}:{port}: {reason}"
        raise ConfigError([mistake]) from error


async def _passes(check: Check) -> bool:
    try:
        return await check()
    except Exception:  # noqa: BLE001 - a check that fails in any way is not passed
        return False
