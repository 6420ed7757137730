"""``framehound check``: tries the database, Discord and the taggers, and prints a line for each."""

from __future__ import annotations

from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

import typer

from bot.cli.application import application_of, logged_in, servers_of
from bot.errors import FramehoundError
from bot.i18n import ENGLISH
from bot.render.sanitize import escape_invisible
from bot.runtime import app as wiring
from bot.runtime.secrets import env_file_warning
from bot.services.tagger_check import check_tagger
from bot.storage.database import Database

if TYPE_CHECKING:
    from collections.abc import Awaitable, Iterator, Sequence

    from bot.cli.application import Application, Server
    from bot.config import Config
    from bot.media.sandbox.pool import Sandbox

_SETTINGS = 2
_TAGGER = 4
_MAX_SERVERS = 20  # that are named because permissions are missing


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
    if config.chosen_tagger == "local":
        return "; a minute of video costs nothing"
    models = len(config.all_clarifai_models) if config.chosen_tagger == "clarifai" else 1
    price, frames = config.clarifai_price, 60 * models
    if price is None:
        return f"; a minute of video is up to {frames} billed frames (set CLARIFAI_PRICE for money)"
    return f"; a minute of video costs about {ENGLISH.money(price.of(frames), price.currency)}"


async def _report(name: str, attempt: Awaitable[str]) -> bool:
    try:
        first, *more = (await attempt).splitlines()
        for line in (f"{name}: {first}", *more):
            typer.echo(escape_invisible(line))
    except FramehoundError as error:
        detail = f" ({error.detail})" if error.detail and error.detail != str(error) else ""
        typer.echo(escape_invisible(f"{name}: {error}{detail}"))
        return False
    return True


async def _try_database(config: Config, stack: AsyncExitStack, opened: list[Database]) -> str:
    """Open the database until the stack is closed, and add it to ``opened``."""
    database = await stack.enter_async_context(Database.open(config.database))
    opened.append(database)
    if await database.has_text_index():
        return f"{database} is open and up to date"
    return (
        f"{database} is open and up to date, but has no index of texts (pg_trgm or FTS5), so "
        "searches for them are slow; see docs/configuration.md"
    )


async def _try_discord(config: Config) -> str:
    if config.discord_token is None:
        return "DISCORD_TOKEN is missing; `framehound run` needs it"
    async with logged_in(config) as client:
        application, servers = application_of(client), await servers_of(client)
    return "\n".join(_describe(application, servers))


def _describe(application: Application, servers: Sequence[Server]) -> Iterator[str]:
    """Yield what the operator should know: intents, invite link, permissions in servers."""
    yield f"logged in as {application.name}"
    if application.reads_messages:
        yield "intents: message content is on"
    else:
        yield (
            "intents: message content is off, so only commands see clips; switch it on at "
            f"{application.intents_page}"
        )
    yield f"invite link: {application.invite_link}"
    lacking = [server for server in servers if server.missing]
    yield f"servers: {len(servers)}, in {len(lacking) or 'none'} of which permissions are missing"
    for server in lacking[:_MAX_SERVERS]:
        yield f"server {server.name}: lacks {', '.join(server.missing)}"
    if len(lacking) > _MAX_SERVERS:
        yield f"servers: {len(lacking) - _MAX_SERVERS} more lack permissions"
