"""``framehound run`` and ``framehound worker``, from start to stop."""

from __future__ import annotations

import asyncio
import hashlib
import signal
from contextlib import (
    AbstractAsyncContextManager,
    AsyncExitStack,
    asynccontextmanager,
    suppress,
)
from typing import TYPE_CHECKING

import discord
import structlog

from bot import app as wiring
from bot import health
from bot.client import FramehoundBot, follow_gateway, point_at
from bot.errors import ConfigError
from bot.replies import DiscordResponder
from bot.storage.lock import held

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from bot.app import App
    from bot.config import DiscordConfig
    from bot.jobs import JobQueue

_TWO_GATEWAYS = "DISCORD_TOKEN: another process runs this bot and these shards on this database"
_TWO_WORKERS = "WORKER_ID: another process works on this database under this name"
_FILE_IS_ALONE = "DATABASE_URL: a SQLite file serves one process; for more use PostgreSQL"


async def run(config: DiscordConfig, *, works: bool) -> None:
    """Run the gateway, and a worker if it ``works``, until SIGTERM or SIGINT.

    Raises ``ConfigError`` where Discord does not accept the token or another process is in the way.
    """
    _require_server(config, alone=works)
    async with AsyncExitStack() as stack:
        app = await stack.enter_async_context(_prepared(config))
        await stack.enter_async_context(held(config.database, _gateway_name(config), _TWO_GATEWAYS))
        if works:
            await stack.enter_async_context(_working_alone(config))
        try:
            await _serve(app, config, works=works, message_content=True)
        except discord.PrivilegedIntentsRequired:
            structlog.get_logger("framehound").warning(
                "Discord does not grant this bot the message content intent: it will not see "
                "posted clips or text commands; slash commands and the context menu work"
            )
            await _serve(app, config, works=works, message_content=False)


async def work(config: DiscordConfig) -> None:
    """Carry out jobs and answer through Discord's REST alone, until SIGTERM or SIGINT.

    Raises ``ConfigError`` as ``run`` does.
    """
    _require_server(config, alone=False)
    async with (
        _prepared(config) as app,
        _working_alone(config),
        discord.Client(intents=discord.Intents.none()) as client,
    ):
        await client.login(config.discord_token.get_secret_value())
        jobs = wiring.job_queue(config)
        async with jobs.working(app.answerer, DiscordResponder(client)):
            structlog.get_logger("framehound").info("working", worker=config.worker_id)
            await _until_stopped(asyncio.get_running_loop().create_future())


@asynccontextmanager
async def _prepared(config: DiscordConfig) -> AsyncIterator[App]:
    """Open the app, and name a token Discord does not accept as the mistake it is."""
    if config.discord_api_url:
        point_at(config.discord_api_url)
    async with wiring.opened(config) as app:
        try:
            yield app
        except discord.LoginFailure:
            raise ConfigError(["DISCORD_TOKEN: Discord does not accept this token"]) from None


async def _serve(app: App, config: DiscordConfig, *, works: bool, message_content: bool) -> None:
    jobs = wiring.job_queue(config)
    async with FramehoundBot(app, jobs, message_content=message_content) as bot:
        await bot.login(config.discord_token.get_secret_value())
        if config.discord_api_url:
            await follow_gateway(bot)
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(jobs.accepting())
            if works:
                responder = DiscordResponder(bot)
                await stack.enter_async_context(jobs.working(app.answerer, responder))
            if config.metrics_port:
                parts = _parts(app, jobs, bot)
                site = health.serving(config.metrics_host, config.metrics_port, parts)
                await stack.enter_async_context(site)
            await _until_stopped(asyncio.ensure_future(bot.connect()))
            # Nothing new is taken from here on; what runs may still be answered.
            await bot.leave_gateway()


def _parts(app: App, jobs: JobQueue, bot: FramehoundBot) -> dict[str, health.Check]:
    """Name what must work for the bot to be healthy."""

    async def gateway() -> bool:
        return bot.is_ready() and not bot.is_closed()

    async def queue() -> bool:
        return jobs.is_accepting

    async def database() -> bool:
        await app.meta.get("health")
        return True

    return {"gateway": gateway, "database": database, "queue": queue}


async def _until_stopped(doing: asyncio.Future[None]) -> None:
    """Wait for what is done, or for a signal; discord.py itself does not listen for SIGTERM."""
    loop = asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        with suppress(NotImplementedError):  # Windows
            loop.add_signal_handler(name, doing.cancel)
    try:
        await doing
    except asyncio.CancelledError:
        structlog.get_logger("framehound").info("stopping")
    finally:
        for name in (signal.SIGTERM, signal.SIGINT):
            with suppress(NotImplementedError):
                loop.remove_signal_handler(name)


def _working_alone(config: DiscordConfig) -> AbstractAsyncContextManager[None]:
    return held(config.database, f"worker {config.worker_id}", _TWO_WORKERS)


def _gateway_name(config: DiscordConfig) -> str:
    """Name a gateway by its bot and shards, without the token being readable from it."""
    token = hashlib.sha256(config.discord_token.get_secret_value().encode()).hexdigest()
    return f"gateway {token} {config.shard_count} {config.shard_ids}"


def _require_server(config: DiscordConfig, *, alone: bool) -> None:
    if not alone and config.database.startswith("sqlite"):
        raise ConfigError([_FILE_IS_ALONE])
