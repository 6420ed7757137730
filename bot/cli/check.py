"""``framehound check``: tries the database, Discord and the taggers, and prints a line for each."""

from __future__ import annotations

from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

import aiohttp
import discord
import typer

from bot.chat.client import point_at
from bot.errors import FramehoundError
from bot.i18n import ENGLISH
from bot.render.sanitize import escape_invisible
from bot.runtime import app as wiring
from bot.runtime.secrets import env_file_warning
from bot.services.tagger_check import check_tagger
from bot.storage.database import Database

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from bot.config import Config
    from bot.media.sandbox.pool import Sandbox

_SETTINGS = 2
_TAGGER = 4


class _DiscordFailed(FramehoundError):
    sentence = "{reason}"


async def check(config: Config) -> int:
    """Try every part; return 0 if all work, 2 for settings, 4 for a tagger."""
    valid = f"settings: valid, tagger is {config.chosen_tagger}{_cost_of_a_minute(config)}"
    typer.echo("; ".join(filter(None, (valid, env_file_warning()))))
    async with AsyncExitStack() as stack:
        opened: list[Database] = []
        ready = [
            await _report("database", _try_database(config, stack, opened)),
            await _report("discord", _try_discord(config)),
        ]
        sandbox = await stack.enter_async_context(wiring.clip_sandbox(config))
        ready.append(await report_sandbox(sandbox))
        account = wiring.billing_account(config, *opened) if opened else None
        taggers = await stack.enter_async_context(wiring.opened_taggers(config, sandbox))
        tagging = [
            await _report(name, check_tagger(tagger, None if name == "local" else account))
            for name, tagger in taggers.items()
        ]
        if config.has_placeholder_token:
            typer.echo("clarifai: only the workers have the token; run framehound check in one")
    if not all(ready):
        return _SETTINGS
    return 0 if all(tagging) else _TAGGER


async def report_sandbox(sandbox: Sandbox) -> bool:
    """Print what confines the decoders; return whether a child process could be started."""

    async def confinement() -> str:
        return str(await sandbox.confinement())

    return await _report("sandbox", confinement())


def _cost_of_a_minute(config: Config) -> str:
    price, models = config.clarifai_price, len(config.all_clarifai_models)
    if price is None or config.chosen_tagger == "local":
        return ""
    cost = price.of(60 * (models if config.chosen_tagger == "clarifai" else 1))
    return f"; a minute of video costs about {ENGLISH.money(cost, price.currency)}"


async def _report(name: str, attempt: Awaitable[str]) -> bool:
    try:
        typer.echo(escape_invisible(f"{name}: {await attempt}"))
    except FramehoundError as error:
        detail = f" ({error.detail})" if error.detail and error.detail != str(error) else ""
        typer.echo(escape_invisible(f"{name}: {error}{detail}"))
        return False
    return True


async def _try_database(config: Config, stack: AsyncExitStack, opened: list[Database]) -> str:
    """Open the database until the stack is closed, and add it to ``opened``."""
    database = await stack.enter_async_context(Database.open(config.database))
    opened.append(database)
    return f"{database} is open and up to date"


async def _try_discord(config: Config) -> str:
    if config.discord_token is None:
        return "DISCORD_TOKEN is missing; `framehound run` needs it"
    if config.discord_api_url:
        point_at(config.discord_api_url)
    async with discord.Client(intents=discord.Intents.none()) as client:
        try:
            await client.login(config.discord_token.get_secret_value())
        except discord.LoginFailure:
            raise _DiscordFailed(
                reason="Discord rejected DISCORD_TOKEN; copy it again from the Developer Portal"
            ) from None
        except (aiohttp.ClientError, discord.HTTPException, OSError) as error:
            raise _DiscordFailed(reason="Discord can't be reached", detail=str(error)) from error
        return f"logged in as {client.user}"
