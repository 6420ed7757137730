"""The worker: carries out jobs and answers through Discord's REST API, without a gateway."""

from __future__ import annotations

from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING

import discord
import structlog

import bot.jobs.queue  # noqa: F401 - the app imports it on demand, which would block the event loop
from bot.chat.responder import DiscordResponder
from bot.cli.monitoring import monitored
from bot.jobs.recovery import Recovery
from bot.runtime import app as wiring

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from bot.config import DiscordConfig
    from bot.jobs.queue import JobQueue, Worker
    from bot.runtime.app import App
    from bot.runtime.shutdown import Shutdown


async def serve_worker(app: App, config: DiscordConfig, shutdown: Shutdown) -> None:
    """Carry out jobs until shutdown is requested; those that run then may finish.

    Raises what discord.py raises if Discord can't be reached or refuses the token.
    """
    jobs = wiring.job_queue(config, app.metrics)
    async with AsyncExitStack() as stack:
        client = await stack.enter_async_context(discord.Client(intents=discord.Intents.none()))
        await shutdown.interrupts(log_in(client, config))
        if shutdown.requested:
            return
        worker = await stack.enter_async_context(working(app, jobs, client))
        await stack.enter_async_context(monitored(app, config, worker))
        structlog.get_logger("framehound").info("working", worker=config.worker_id)
        await shutdown.wait()


@asynccontextmanager
async def working(app: App, jobs: JobQueue, client: discord.Client) -> AsyncIterator[Worker]:
    """Carry out jobs while the block runs, those of dead workers too."""
    async with (
        jobs.working(app.services.answerer, DiscordResponder(client)) as worker,
        Recovery(worker, app.locks).running(),
    ):
        yield worker


async def log_in(client: discord.Client, config: DiscordConfig) -> None:
    """Check the bot's token with Discord."""
    await client.login(config.discord_token.get_secret_value())
