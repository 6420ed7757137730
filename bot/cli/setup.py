"""``framehound setup``: asks for what the bot needs, tries it, and writes ``.env``.

Answers may be given as options or in the environment, so that scripts can use it. It only asks if
there is a terminal.
"""

from __future__ import annotations

import asyncio
import os
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import typer

from bot import config
from bot.cli.application import (
    Application,
    Server,
    application_of,
    logged_in,
    servers_of,
)
from bot.cli.env_file import change_env, read_env
from bot.errors import ConfigError, FramehoundError
from bot.render.sanitize import escape_invisible
from bot.runtime import app as wiring
from bot.services.tagger_check import check_tagger

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from bot.config import Config

_PORTAL = "https://discord.com/developers/applications"
_SECRETS = {"DISCORD_TOKEN", "CLARIFAI_PAT", "CLARIFAI_KEY"}
_MAX_SERVERS = 5  # that are named
_POLL = 2.0  # seconds between two looks at the bot's servers


@dataclass(frozen=True, slots=True)
class SetupOptions:
    """The answers that were given; what is None is asked for, if somebody can answer."""

    env_file: Path
    discord_token: str | None = None
    clarifai_pat: str | None = None
    no_clarifai: bool = False
    wait: bool | None = None
    start: bool | None = None


def setup(options: SetupOptions) -> bool:
    """Ask, try, and write ``.env``; return whether to start the bot.

    Raises ``FramehoundError`` if an answer is missing or wrong and nobody can be asked.
    """
    wizard = _Wizard(options, read_env(options.env_file), asks=sys.stdin.isatty())
    token = wizard.discord_token()
    wizard.add_to_server(token)
    clarifai_pat = wizard.clarifai_pat(token)
    wizard.write(token, clarifai_pat)
    return wizard.starts()


class _Wizard:
    """The steps of the setup, in order; ``saved`` is what the file has."""

    def __init__(self, options: SetupOptions, saved: dict[str, str], *, asks: bool) -> None:
        self._options = options
        self._saved = saved
        self._asks = asks

    def discord_token(self) -> str:
        """Return a token that Discord accepts, once its intents were looked at."""
        given, saved = self._options.discord_token, self._saved.get("DISCORD_TOKEN")
        if not (given or saved):
            _say(f"1. Make an application at {_PORTAL}, and copy its token under Bot.")

        def attempt(token: str) -> Application:
            return asyncio.run(_application(self._load(DISCORD_TOKEN=token)))

        label = f"Discord token (hidden{'; Enter keeps yours' if saved else ''})"
        token, application = self._answer(label, given, saved, attempt)
        _say(f"Logged in as {application.name}.")
        self._check_intents(token, application)
        return token

    def _check_intents(self, token: str, application: Application) -> None:
        while not application.reads_messages:
            _say(
                "Message Content Intent is off, so the bot sees no posted clips, only commands. "
                f"Switch it on at {application.intents_page}"
            )
            if not self._asks or _ask("Press Enter once it's on, or type s to skip", "") == "s":
                return
            application = asyncio.run(_application(self._load(DISCORD_TOKEN=token)))
        _say("Message Content Intent is on.")

    def add_to_server(self, token: str) -> None:
        """Print the invite link, and wait until the bot is in a server."""
        loaded = self._load(DISCORD_TOKEN=token)
        application, servers = asyncio.run(_servers(loaded))
        _say(f"Add the bot to a server with this link:\n{application.invite_link}")
        wait = self._asks if self._options.wait is None else self._options.wait
        if not servers and wait:
            _say("Waiting until it is in a server. Press Ctrl+C to go on without one.")
            try:
                servers = asyncio.run(_first_servers(loaded))
            except KeyboardInterrupt:
                return
        for server in servers[:_MAX_SERVERS]:
            missing = f", where it lacks {', '.join(server.missing)}" if server.missing else ""
            _say(f"The bot is in {server.name}{missing}.")
        if len(servers) > _MAX_SERVERS:
            _say(
                f"It is in {len(servers) - _MAX_SERVERS} other servers; framehound check has more."
            )

    def clarifai_pat(self, token: str) -> str | None:
        """Return a token that Clarifai accepts; None for the local tagger."""
        if self._options.no_clarifai:
            return None
        given = self._options.clarifai_pat
        saved = self._saved.get("CLARIFAI_PAT") or self._saved.get("CLARIFAI_KEY")
        if not (given or saved or self._asks):
            return None

        def attempt(pat: str) -> str:
            if pat in {"", "none"}:
                return "Without Clarifai, the local tagger is used. It's free."
            loaded = self._load(DISCORD_TOKEN=token, CLARIFAI_PAT=pat)
            return f"Clarifai works: {asyncio.run(_prediction(loaded))}"

        hint = "Enter keeps yours, none removes it" if saved else "Enter for none"
        label = f"Clarifai token (hidden; {hint})"
        pat, result = self._answer(label, given, saved, attempt, optional=True)
        _say(result)
        return None if pat in {"", "none"} else pat

    def write(self, token: str, clarifai_pat: str | None) -> None:
        """Write ``.env``, readable by its owner alone."""
        values = {"DISCORD_TOKEN": token, "CLARIFAI_PAT": clarifai_pat, "CLARIFAI_KEY": None}
        change_env(self._options.env_file, values)
        _say(f"Wrote {self._options.env_file}; only you can read it.")

    def starts(self) -> bool:
        """Return whether to start the bot now."""
        if self._options.start is not None:
            return self._options.start
        if self._asks and typer.confirm("Start the bot now?", default=True):
            return True
        _say("Start it with: framehound run")
        return False

    def _answer(
        self,
        label: str,
        given: str | None,
        saved: str | None,
        attempt: Callable[[str], Any],
        *,
        optional: bool = False,
    ) -> tuple[str, Any]:
        """Return an answer that works, and what trying it returned; ask again until one does."""
        answer = given
        while True:
            if answer is None and self._asks:
                answer = _ask(label, "", hidden=True)
            answer = (answer or saved or "").strip()
            try:
                if answer or optional:
                    return answer, attempt(answer)
                raise ConfigError(["DISCORD_TOKEN: missing; set it, or give --discord-token"])
            except FramehoundError as error:
                if given or not self._asks:
                    raise
                _say(str(error))
            answer = None

    def _load(self, **secrets: str) -> Config:
        """Load the settings with these secrets, whatever the file has in their place.

        Which tagger is used doesn't matter here.
        """
        others = {
            name.lower(): value
            for name, value in self._saved.items()
            if name not in _SECRETS | os.environ.keys()
        }
        return config.load(config.Config, env_file=None, **{**others, **secrets, "tagger": "auto"})


async def _application(loaded: Config) -> Application:
    async with logged_in(loaded) as client:
        return application_of(client)


async def _servers(loaded: Config) -> tuple[Application, list[Server]]:
    async with logged_in(loaded) as client:
        return application_of(client), await servers_of(client)


async def _first_servers(loaded: Config) -> list[Server]:
    """Wait until the bot is in a server."""
    async with logged_in(loaded) as client:
        while not (servers := await servers_of(client)):  # noqa: ASYNC110 - REST has no events
            await asyncio.sleep(_POLL)
        return servers


async def _prediction(loaded: Config) -> str:
    """Have Clarifai tag one small picture with each model; return what was tried."""
    async with (
        wiring.clip_sandbox(loaded) as sandbox,
        wiring.opened_taggers(loaded, sandbox) as taggers,
    ):
        tried = [
            await check_tagger(each, None) for name, each in taggers.items() if name != "local"
        ]
    return "; ".join(tried)


def _ask(question: str, default: str, *, hidden: bool = False) -> str:
    answer: str = typer.prompt(question, default=default, show_default=False, hide_input=hidden)
    return answer.strip()


def _say(text: str) -> None:
    typer.echo("\n".join(escape_invisible(line) for line in text.splitlines()))
