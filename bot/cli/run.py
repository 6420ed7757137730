"""``framehound run`` and ``framehound worker``, from start to stop.

Both open the app, take a lock for each of their names, so that no two processes do the same work,
and serve until SIGTERM or SIGINT (``bot.runtime.shutdown``). What they serve is in
``bot.cli.gateway`` and ``bot.cli.worker``.
"""

from __future__ import annotations

from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING

import aiohttp
import discord
import structlog

from bot.chat.client import point_at
from bot.chat.retry import is_temporary
from bot.cli.gateway import gateway_names, serve_gateway
from bot.cli.worker import serve_worker
from bot.errors import ConfigError
from bot.jobs.recovery import worker_name
from bot.media.sandbox.pool import SandboxFault
from bot.runtime import app as wiring
from bot.runtime.secrets import env_file_warning
from bot.runtime.shutdown import shutdown_signals
from bot.storage.locks import held, maintained

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from bot.config import DiscordConfig
    from bot.runtime.app import App
    from bot.runtime.shutdown import Shutdown

_TWO_GATEWAYS = (
    "DISCORD_TOKEN: this bot is already running on this database; "
    "stop the other process or give each its own SHARD_IDS"
)
_TWO_WORKERS = (
    "WORKER_ID: a worker with this name is already running on this database; choose another name"
)
_ONE_PROCESS = (
    "DATABASE_URL: SQLite works with one process only; "
    "use PostgreSQL to run gateway and workers separately"
)
_REJECTED = "DISCORD_TOKEN: Discord rejected this token; copy it again from the Developer Portal"
# Seconds between attempts to reach Discord when the program starts: the first, the longest.
_FIRST_PAUSE, _MAX_PAUSE = 1.0, 60.0


async def run(config: DiscordConfig, *, works: bool) -> None:
    """Run the gateway, and a worker if it ``works``, until SIGTERM or SIGINT.

    Raises ``ConfigError`` if Discord does not accept the token or another process has its name.
    """
    _require_server(config, alone=works)
    async with AsyncExitStack() as stack:
        shutdown = await stack.enter_async_context(shutdown_signals())
        app = await stack.enter_async_context(_opened_app(config))
        for name in gateway_names(config):
            await stack.enter_async_context(held(app.locks, name, _TWO_GATEWAYS))
        if works:
            name = worker_name(config.worker_id)
            await stack.enter_async_context(held(app.locks, name, _TWO_WORKERS))

        async def serve() -> None:
            try:
                await serve_gateway(app, config, shutdown, works=works, message_content=True)
            except discord.PrivilegedIntentsRequired:
                structlog.get_logger("framehound").warning(
                    "message content intent is off: only slash commands and the "
                    "context menu work; turn it on in the Discord Developer Portal "
                    "under Bot"
                )
                await serve_gateway(app, config, shutdown, works=works, message_content=False)

        await _retry_start(serve, shutdown)


async def work(config: DiscordConfig) -> None:
    """Carry out jobs and answer through Discord's REST API alone, until SIGTERM or SIGINT.

    Raises ``ConfigError`` as ``run`` does.
    """
    _require_server(config, alone=False)
    async with (
        shutdown_signals() as shutdown,
        _opened_app(config) as app,
        held(app.locks, worker_name(config.worker_id), _TWO_WORKERS),
    ):
        await _retry_start(lambda: serve_worker(app, config, shutdown), shutdown)


@asynccontextmanager
async def _opened_app(config: DiscordConfig) -> AsyncIterator[App]:
    """Open the app; a token Discord does not accept becomes a ``ConfigError``."""
    if config.discord_api_url:
        point_at(config.discord_api_url)
    if warning := env_file_warning():
        structlog.get_logger("framehound").warning(warning)
    async with wiring.opened(config) as app, maintained(app.locks):
        await log_missing_confinement(app)
        try:
            yield app
        except discord.LoginFailure:
            raise ConfigError([_REJECTED]) from None


async def log_missing_confinement(app: App) -> None:
    """Log what the decoders lack for full confinement, and what that costs."""
    log = structlog.get_logger("framehound")
    try:
        if warning := (await app.sandbox.confinement()).warning:
            log.warning(warning)
    except SandboxFault as error:
        log.error("no child process can be started; clips will fail", reason=error.detail)  # noqa: TRY400 - the detail says it all


async def _retry_start(serve: Callable[[], Awaitable[None]], shutdown: Shutdown) -> None:
    """Serve; if Discord can't be reached at the start, log it and try again."""
    pause = _FIRST_PAUSE
    while not shutdown.requested:
        try:
            await serve()
        except (aiohttp.ClientConnectionError, discord.DiscordException, TimeoutError) as error:
            if not _is_outage(error):
                raise
            structlog.get_logger("framehound").warning(
                "Discord unreachable, retrying", seconds=pause, reason=str(error)
            )
            await shutdown.sleep(pause)
            pause = min(2 * pause, _MAX_PAUSE)
        else:
            return


def _is_outage(error: Exception) -> bool:
    """Return whether an error is an outage, and not a refusal, which would stay one."""
    if isinstance(error, discord.HTTPException):
        return is_temporary(error)
    return not isinstance(error, discord.DiscordException) or isinstance(
        error, discord.GatewayNotFound
    )


def _require_server(config: DiscordConfig, *, alone: bool) -> None:
    if not alone and config.database.startswith("sqlite"):
        raise ConfigError([_ONE_PROCESS])
