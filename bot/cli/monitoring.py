"""``/healthz`` and ``/metrics`` of a gateway or a worker."""

from __future__ import annotations

import math
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from bot.runtime import health
from bot.storage.database import StorageUnavailable

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from bot.chat.client import FramehoundBot
    from bot.config import DiscordConfig
    from bot.jobs.queue import Intake, Worker
    from bot.runtime.app import App


@asynccontextmanager
async def monitored(
    app: App, config: DiscordConfig, jobs: Intake | Worker, bot: FramehoundBot | None = None
) -> AsyncIterator[None]:
    """Serve both pages while the block runs, if METRICS_PORT is set."""
    if not config.metrics_port:
        yield
        return

    async def refresh() -> None:
        await _refresh(app, jobs, bot)

    async with health.serving(
        config.metrics_host, config.metrics_port, _checks(app, jobs, bot), app.metrics, refresh
    ):
        yield


def _checks(app: App, jobs: Intake | Worker, bot: FramehoundBot | None) -> dict[str, health.Check]:
    """Return what ``/healthz`` checks, by name."""

    async def gateway() -> bool:
        return bot is not None and bot.is_ready() and not bot.is_closed()

    async def database() -> bool:
        await app.stores.meta.get("health")
        return True

    async def queue() -> bool:
        await jobs.figures()
        return True

    checks: dict[str, health.Check] = {"database": database, "queue": queue}
    return checks if bot is None else {"gateway": gateway, **checks}


async def _refresh(app: App, jobs: Intake | Worker, bot: FramehoundBot | None) -> None:
    """Set the gauges that nothing in this process keeps up to date."""
    metrics = app.metrics
    try:
        figures = await jobs.figures()
        waiting, running, age = float(figures.waiting), float(figures.running), figures.age
    except StorageUnavailable:
        waiting = running = age = math.nan
    metrics.jobs.labels("waiting").set(waiting)
    metrics.jobs.labels("running").set(running)
    metrics.queue_age.set(age)
    for shard, latency in bot.latencies if bot else ():
        metrics.gateway_latency.labels(str(shard)).set(latency)
