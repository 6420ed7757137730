"""``/healthz`` for whoever restarts us, ``/metrics`` for whoever watches us."""

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
    """Serve both pages while the block runs; gives the port, chosen freely where 0 was asked.

    ``refresh`` brings those figures up to date that nobody counts as they happen.

    Raises ``ConfigError`` where the port can't be had.
    """

    async def healthz(_request: web.Request) -> web.Response:
        found = {name: await _holds(check) for name, check in checks.items()}
        return web.json_response(found, status=200 if all(found.values()) else 503)

    async def figures(_request: web.Request) -> web.Response:
        await refresh()
        return web.Response(body=metrics.page(), headers={"Content-Type": _METRICS_TYPE})

    app = web.Application()
    app.router.add_get("/healthz", healthz)
    app.router.add_get("/metrics", figures)
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


async def _holds(check: Check) -> bool:
    """Tell whether a part works; one that fails in whatever way does not."""
    try:
        return await check()
    except Exception:  # noqa: BLE001 - any failure is the answer
        return False
