"""``framehound run`` and ``framehound worker``, from start to stop."""

from __future__ import annotations

import hashlib
import math
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING

import aiohttp
import discord
import structlog

import bot.jobs.queue  # noqa: F401 - the app loads it on demand: better now than while the loop waits
from bot.chat.client import FramehoundBot, follow_gateway, point_at
from bot.chat.responder import DiscordResponder
from bot.chat.retry import is_temporary
from bot.errors import ConfigError
from bot.jobs.recovery import Recovery, worker_name
from bot.runtime import app as wiring
from bot.runtime import health
from bot.runtime.shutdown import shutdown_signals
from bot.runtime.tasks import in_background
from bot.storage.errors import StorageUnavailable
from bot.storage.locks import held, kept

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from bot.config import DiscordConfig
    from bot.jobs.queue import Intake, JobQueue, Worker
    from bot.runtime.app import App
    from bot.runtime.shutdown import Shutdown

_TWO_GATEWAYS = "DISCORD_TOKEN: another process runs this bot and these shards on this database"
_TWO_WORKERS = "WORKER_ID: another process works on this database under this name"
_FILE_IS_ALONE = "DATABASE_URL: a SQLite file serves one process; for more use PostgreSQL"
# Seconds between attempts to reach Discord when the program starts: from, to.
_FIRST_PAUSE, _MAX_PAUSE = 1.0, 60.0


async def run(config: DiscordConfig, *, works: bool) -> None:
    """Run the gateway, and a worker if it ``works``, until SIGTERM or SIGINT.

    Raises ``ConfigError`` where Discord does not accept the token or another process is in the way.
    """
    _require_server(config, alone=works)
    async with AsyncExitStack() as stack:
        stop = await stack.enter_async_context(shutdown_signals())
        app = await stack.enter_async_context(_prepared(config))
        for name in gateway_names(config):
            await stack.enter_async_context(held(app.locks, name, _TWO_GATEWAYS))
        if works:
            await stack.enter_async_context(_named_worker(app, config))

        async def serve() -> None:
            try:
                await _serve(app, config, stop, works=works, message_content=True)
            except discord.PrivilegedIntentsRequired:
                structlog.get_logger("framehound").warning(
                    "Discord does not grant this bot the message content intent: it will not see "
                    "posted clips or text commands; slash commands and the context menu work"
                )
                await _serve(app, config, stop, works=works, message_content=False)

        await _insist(serve, stop)


async def work(config: DiscordConfig) -> None:
    """Carry out jobs and answer through Discord's REST alone, until SIGTERM or SIGINT.

    Raises ``ConfigError`` as ``run`` does.
    """
    _require_server(config, alone=False)
    async with (
        shutdown_signals() as stop,
        _prepared(config) as app,
        _named_worker(app, config),
    ):
        await _insist(lambda: _work(app, config, stop), stop)


@asynccontextmanager
async def _prepared(config: DiscordConfig) -> AsyncIterator[App]:
    """Open the app, and name a token Discord does not accept as the mistake it is."""
    if config.discord_api_url:
        point_at(config.discord_api_url)
    async with wiring.opened(config) as app, kept(app.locks):
        try:
            yield app
        except discord.LoginFailure:
            raise ConfigError(["DISCORD_TOKEN: Discord does not accept this token"]) from None


async def _insist(serve: Callable[[], Awaitable[None]], stop: Shutdown) -> None:
    """Serve; where Discord can't be reached at the start, say so and try again."""
    pause = _FIRST_PAUSE
    while not stop.asked:
        try:
            await serve()
        except (aiohttp.ClientConnectionError, discord.DiscordException, TimeoutError) as error:
            if not _is_away(error):
                raise
            structlog.get_logger("framehound").warning(
                "Discord can't be reached; trying again", seconds=pause, reason=str(error)
            )
            await stop.pause(pause)
            pause = min(2 * pause, _MAX_PAUSE)
        else:
            return


def _is_away(error: Exception) -> bool:
    """Tell an outage from a refusal."""
    if isinstance(error, discord.HTTPException):
        return is_temporary(error)
    return not isinstance(error, discord.DiscordException) or isinstance(
        error, discord.GatewayNotFound
    )


async def _serve(
    app: App, config: DiscordConfig, stop: Shutdown, *, works: bool, message_content: bool
) -> None:
    jobs = wiring.job_queue(config, app.metrics)
    async with AsyncExitStack() as stack:
        intake = await stack.enter_async_context(jobs.accepting(app.notes.begin))
        bot = FramehoundBot(app, intake, message_content=message_content)
        await stack.enter_async_context(bot)
        await stop.interrupts(_log_in(bot, config))
        if stop.asked:
            return
        if config.discord_api_url:
            await follow_gateway(bot)
        if works:
            await stack.enter_async_context(_working(app, jobs, bot))
        await stack.enter_async_context(_watchable(app, config, intake, bot))
        await stack.enter_async_context(bot.erasure.daily(app.locks))
        await stack.enter_async_context(in_background(app.finder.complete_beside()))
        await stop.interrupts(bot.connect())
        # Nothing new is taken from here on; what runs may still be answered.
        await bot.leave_gateway()


async def _work(app: App, config: DiscordConfig, stop: Shutdown) -> None:
    jobs = wiring.job_queue(config, app.metrics)
    async with AsyncExitStack() as stack:
        client = await stack.enter_async_context(discord.Client(intents=discord.Intents.none()))
        await stop.interrupts(_log_in(client, config))
        if stop.asked:
            return
        work = await stack.enter_async_context(_working(app, jobs, client))
        await stack.enter_async_context(_watchable(app, config, work))
        structlog.get_logger("framehound").info("working", worker=config.worker_id)
        await stop.wait()


async def _log_in(client: discord.Client, config: DiscordConfig) -> None:
    await client.login(config.discord_token.get_secret_value())


@asynccontextmanager
async def _working(app: App, jobs: JobQueue, client: discord.Client) -> AsyncIterator[Worker]:
    """Carry out jobs, those of workers that never come back too."""
    async with (
        jobs.working(app.answerer, DiscordResponder(client)) as work,
        Recovery(work, app.locks).running(),
    ):
        yield work


@asynccontextmanager
async def _watchable(
    app: App, config: DiscordConfig, jobs: Intake | Worker, bot: FramehoundBot | None = None
) -> AsyncIterator[None]:
    """Serve ``/healthz`` and ``/metrics`` where the operator wants them."""
    if not config.metrics_port:
        yield
        return

    async def gateway() -> bool:
        return bot is not None and bot.is_ready() and not bot.is_closed()

    async def database() -> bool:
        await app.meta.get("health")
        return True

    async def queue() -> bool:
        await jobs.figures()
        return True

    async def refresh() -> None:
        await _refresh(app, jobs, bot)

    checks: dict[str, health.Check] = {"database": database, "queue": queue}
    if bot is not None:
        checks = {"gateway": gateway, **checks}
    async with health.serving(
        config.metrics_host, config.metrics_port, checks, app.metrics, refresh
    ):
        yield


async def _refresh(app: App, jobs: Intake | Worker, bot: FramehoundBot | None) -> None:
    """Bring the figures up to date that somebody else counts."""
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


def _named_worker(app: App, config: DiscordConfig) -> AbstractAsyncContextManager[None]:
    return held(app.locks, worker_name(config.worker_id), _TWO_WORKERS)


def gateway_names(config: DiscordConfig) -> list[str]:
    """Name a bot's shards, all in one where Discord says how many; no token can be read from it."""
    token = hashlib.sha256(config.discord_token.get_secret_value().encode()).hexdigest()
    count = config.shard_count
    if count is None:
        return [f"gateway {token}"]
    return [f"gateway {token} {shard}/{count}" for shard in config.shard_ids or range(count)]


def _require_server(config: DiscordConfig, *, alone: bool) -> None:
    if not alone and config.database.startswith("sqlite"):
        raise ConfigError([_FILE_IS_ALONE])
