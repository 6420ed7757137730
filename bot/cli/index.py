"""``framehound index``: has the running bot tag what was posted before it came."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import discord
import typer

from bot.chat.client import point_at
from bot.chat.history import DiscordHistory
from bot.chat.index_messages import describe_run
from bot.cli.terminal import Terminal
from bot.cli.worker import log_in, rest_client
from bot.domain.index_run import IndexRun, IndexState
from bot.domain.job import guild_owner
from bot.domain.progress import Progress, Stage
from bot.errors import ConfigError
from bot.i18n import ENGLISH
from bot.render import formatting
from bot.runtime import app as wiring

if TYPE_CHECKING:
    from bot.config import DiscordConfig
    from bot.domain.index_run import IndexPrice
    from bot.runtime.app import App

_REFUSED = 3
_PAUSE = 1.0


@dataclass(frozen=True, slots=True)
class IndexOptions:
    """What to index: a server, all its channels or some, and how many days back."""

    server: int
    channels: tuple[int, ...] = ()
    days: int | None = None
    yes: bool = False
    stop: bool = False


async def index(config: DiscordConfig, options: IndexOptions) -> int:
    """Price a run, ask, and follow it until it ends; return the exit code.

    Raises ``ConfigError`` if Discord doesn't accept the token or the server can't be read.
    """
    terminal = Terminal()
    async with wiring.opened(config) as app:
        if options.stop:
            return await _stop(app, terminal, options.server)
        run = await app.services.history.runs.of_guild(options.server)
        if run is None:
            run = await _priced(app, config, terminal, options)
            if run is None:
                return 0
            await app.services.history.start(run.id)
        return await _follow(app, terminal, run)


async def _stop(app: App, terminal: Terminal, server: int) -> int:
    runs = app.services.history.runs
    run = await runs.of_guild(server)
    if run is None:
        terminal.print_mistake("No older clips of this server are being tagged.")
        return _REFUSED
    await runs.end(run.id, IndexState.STOPPED)
    terminal.print_line("Stopped.")
    return 0


async def _priced(
    app: App, config: DiscordConfig, terminal: Terminal, options: IndexOptions
) -> IndexRun | None:
    """Return a run that somebody wants for its price; None if there is nothing or nobody does."""
    if config.discord_api_url:
        point_at(config.discord_api_url)
    async with rest_client() as client:
        try:
            await log_in(client, config)
            channels = options.channels or await _channels(client, app, options.server)
            run, price = await app.services.history.price(
                DiscordHistory(client, config.sites),
                options.server,
                channels,
                after=_after(options.days or config.retention_days),
                started_by=None,
            )
        except (discord.HTTPException, discord.LoginFailure) as error:
            raise ConfigError([f"--server: Discord refused: {error}"]) from error
    if not price.clips:
        terminal.print_line("No older clips that are new to this bot.")
        return None
    terminal.print_line(await _describe(app, options.server, price))
    if options.yes or await asyncio.to_thread(typer.confirm, "Tag them?"):
        return run
    return None


async def _channels(client: discord.Client, app: App, server: int) -> tuple[int, ...]:
    """Return the channels and threads in which the server has posted clips tagged."""
    settings = await app.stores.settings.load(server)
    guild = await client.fetch_guild(server)
    channels = [*await guild.fetch_channels(), *await guild.active_threads()]
    return tuple(
        channel.id
        for channel in channels
        if not settings.autotag
        or settings.allows_autotag(
            {number for number in (channel.id, channel.category_id) if number},
            settings.roles_allowed,
            nsfw=getattr(channel, "is_nsfw", bool)(),
        )
    )


def _after(days: int) -> int:
    return discord.utils.time_snowflake(datetime.now(UTC) - timedelta(days=days))


async def _describe(app: App, server: int, price: IndexPrice) -> str:
    """Return the price of a run in a line."""
    facts = [f"older clips: {price.clips}"]
    if price.length:
        facts.append(f"{formatting.length(price.length, ENGLISH)} of video")
    if price.unmeasured:
        facts.append(f"{price.unmeasured} of unknown length")
    if app.config.chosen_tagger != "local":
        settings = await app.stores.settings.load(server)
        models = app.services.clip_tagger.models.chosen(settings.models)
        frames = price.frames(app.services.clip_tagger.tagger, models=len(models))
        used = await app.stores.usage.used(guild_owner(server))
        left = app.config.budget.remaining(used, await app.stores.usage.used())
        facts.append(f"up to {frames} frames" + ("" if left is None else f" of {left} left"))
        if each := app.config.clarifai_price:
            facts.append(f"about {ENGLISH.money(each.of(frames), each.currency)}")
    if not price.complete:
        facts.append("and more, for a second run")
    return ", ".join(facts)


async def _follow(app: App, terminal: Terminal, run: IndexRun) -> int:
    """Show the progress of a run until it ends."""
    terminal.print_line(
        "The running bot tags them; interrupt this command and it goes on. To stop it: "
        f"framehound index --server {run.guild_id} --stop"
    )
    with terminal.progress() as bars, bars.bar("older clips") as show:
        current: IndexRun | None = run
        while current is not None:
            current = await app.services.history.runs.find(run.id)
            if current is None or current.state not in {IndexState.PRICED, IndexState.RUNNING}:
                break
            show(Progress(Stage.TAG, current.tagged + current.refused, current.clips))
            await asyncio.sleep(_PAUSE)
    if current is not None:
        terminal.print_line(describe_run(current, ENGLISH).replace("`", ""))
    return 0
