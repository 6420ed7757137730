"""The gateway: receives Discord's events and queues jobs; may be a worker at the same time."""

from __future__ import annotations

import hashlib
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

from bot.chat.client import FramehoundBot, follow_gateway
from bot.chat.history import DiscordHistory
from bot.chat.index_messages import IndexMessages
from bot.chat.personal_alerts import PersonalAlertSender
from bot.cli.monitoring import monitored
from bot.cli.worker import log_in, working
from bot.runtime import app as wiring
from bot.services.history_index import IndexRunner

if TYPE_CHECKING:
    from bot.config import DiscordConfig
    from bot.jobs.queue import Intake
    from bot.runtime.app import App
    from bot.runtime.shutdown import Shutdown


async def serve_gateway(
    app: App, config: DiscordConfig, shutdown: Shutdown, *, works: bool, message_content: bool
) -> None:
    """Serve until shutdown is requested; then no event is taken, and running jobs may finish.

    Raises what discord.py raises if Discord can't be reached or refuses the bot.
    """
    jobs = wiring.job_queue(config, app.metrics)
    async with AsyncExitStack() as stack:
        intake = await stack.enter_async_context(jobs.accepting(app.services.job_records.begin))
        bot = FramehoundBot(app, intake, message_content=message_content)
        await stack.enter_async_context(bot)
        await shutdown.interrupts(log_in(bot, config))
        if shutdown.requested:
            return
        if config.discord_api_url:
            await follow_gateway(bot)
        if works:
            await stack.enter_async_context(working(app, jobs, bot))
        await stack.enter_async_context(monitored(app, config, intake, bot))
        await stack.enter_async_context(bot.erasure.daily(app.locks))
        await stack.enter_async_context(bot.reply_deleter.running())
        sender = PersonalAlertSender(bot, app.stores, app.locks)
        await stack.enter_async_context(sender.running())
        await stack.enter_async_context(_index_runner(app, intake, bot).running())
        await shutdown.interrupts(bot.connect())
        await bot.leave_gateway()


def _index_runner(app: App, intake: Intake, bot: FramehoundBot) -> IndexRunner:
    """Return what carries out the index runs of this gateway's servers."""
    return IndexRunner(
        app.services.history,
        DiscordHistory(bot, app.config.sites),
        intake,
        IndexMessages(bot),
        serves=lambda guild_id: bot.get_guild(guild_id) is not None,
    )


def gateway_names(config: DiscordConfig) -> list[str]:
    """Return the names of the locks a gateway holds: one a shard, or one if Discord picks them.

    The token can't be read from them.
    """
    token = hashlib.sha256(config.discord_token.get_secret_value().encode()).hexdigest()
    count = config.shard_count
    if count is None:
        return [f"gateway {token}"]
    return [f"gateway {token} {shard}/{count}" for shard in config.shard_ids or range(count)]
