"""``framehound run``: the bot from start to stop."""

from __future__ import annotations

import asyncio
import signal
from contextlib import AsyncExitStack, suppress
from typing import TYPE_CHECKING

import discord
import structlog

from bot import app as wiring
from bot import health
from bot.client import FramehoundBot, follow_gateway, point_at
from bot.errors import ConfigError
from bot.replies import DiscordResponder

if TYPE_CHECKING:
    from bot.app import App
    from bot.config import DiscordConfig
    from bot.jobs import JobQueue


async def run(config: DiscordConfig) -> None:
    """Run gateway and worker until SIGTERM or SIGINT.

    Raises ``ConfigError`` where Discord does not accept the token.
    """
    if config.discord_api_url:
        point_at(config.discord_api_url)
    async with wiring.opened(config) as app:
        try:
            await _serve(app, config, message_content=True)
        except discord.PrivilegedIntentsRequired:
            structlog.get_logger("framehound").warning(
                "Discord does not grant this bot the message content intent: it will not see "
                "posted clips or text commands; slash commands and the context menu work"
            )
            await _serve(app, config, message_content=False)
        except discord.LoginFailure:
            raise ConfigError(["DISCORD_TOKEN: Discord does not accept this token"]) from None


async def _serve(app: App, config: DiscordConfig, *, message_content: bool) -> None:
    jobs = wiring.job_queue(config)
    async with FramehoundBot(app, jobs, message_content=message_content) as bot:
        await bot.login(config.discord_token.get_secret_value())
        if config.discord_api_url:
            await follow_gateway(bot)
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(jobs.running(app.answerer, DiscordResponder(bot)))
            if config.metrics_port:
                site = health.serving(
                    config.metrics_host, config.metrics_port, _parts(app, jobs, bot)
                )
                await stack.enter_async_context(site)
            await _until_stopped(bot)


def _parts(app: App, jobs: JobQueue, bot: FramehoundBot) -> dict[str, health.Check]:
    """Name what must work for the bot to be healthy."""

    async def gateway() -> bool:
        return bot.is_ready() and not bot.is_closed()

    async def queue() -> bool:
        return jobs.is_running

    async def database() -> bool:
        await app.meta.get("health")
        return True

    return {"gateway": gateway, "database": database, "queue": queue}


async def _until_stopped(bot: FramehoundBot) -> None:
    """Stay connected until a signal comes; discord.py itself does not listen for SIGTERM."""
    loop = asyncio.get_running_loop()
    connection = asyncio.ensure_future(bot.connect())
    for name in (signal.SIGTERM, signal.SIGINT):
        with suppress(NotImplementedError):  # Windows
            loop.add_signal_handler(name, connection.cancel)
    try:
        await connection
    except asyncio.CancelledError:
        structlog.get_logger("framehound").info("stopping")
    finally:
        for name in (signal.SIGTERM, signal.SIGINT):
            with suppress(NotImplementedError):
                loop.remove_signal_handler(name)
        await bot.close()
