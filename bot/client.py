"""The discord.py bot: intents, cogs, command sync, and one place for commands' errors."""

from __future__ import annotations

import asyncio
import hashlib
import json
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import discord
import structlog
from discord import app_commands
from discord.ext import commands
from discord.gateway import DiscordWebSocket
from discord.http import Route
from yarl import URL

from bot.errors import FramehoundError

if TYPE_CHECKING:
    from bot.app import App
    from bot.jobs import Intake

COGS = ("cogs.autotag", "cogs.tags", "cogs.settings", "cogs.usage", "cogs.privacy")


class FramehoundBot(commands.AutoShardedBot):
    """Holds what the cogs need; keeps no cache of people or messages."""

    def __init__(self, app: App, jobs: Intake, *, message_content: bool) -> None:
        config = app.config
        super().__init__(
            command_prefix=commands.when_mentioned_or(config.command_prefix),
            intents=_intents(message_content=message_content),
            help_command=None,
            allowed_mentions=discord.AllowedMentions.none(),
            member_cache_flags=discord.MemberCacheFlags.none(),
            chunk_guilds_at_startup=False,
            max_messages=None,
            shard_count=config.shard_count,
            **_chosen_shards(config.shard_ids),
        )
        self.app = app
        self.jobs = jobs
        self.forgetting = app.forgetting(jobs)
        self._log = structlog.get_logger("framehound.client")
        self.tree.on_error = self._on_tree_error  # type: ignore[method-assign]  # the documented way short of a subclass

    async def setup_hook(self) -> None:
        """Load every cog, or fail; then tell Discord about commands if they changed."""
        for cog in COGS:
            await self.load_extension(cog)
        await self._sync_commands()

    async def leave_gateway(self) -> None:
        """Hear nothing more; REST stays open for the answers under way."""
        await asyncio.gather(*(shard.disconnect() for shard in self.shards.values()))

    async def on_ready(self) -> None:
        """Say once per session that the bot is in."""
        self._log.info("ready", user=str(self.user), servers=len(self.guilds))

    async def on_command_error(
        self,
        context: commands.Context[FramehoundBot],  # type: ignore[override]  # our own bot class
        error: commands.CommandError,
        /,
    ) -> None:
        """Answer a failed text or hybrid command in a sentence."""
        if isinstance(error, commands.CommandNotFound):
            return
        with suppress(discord.Forbidden):  # there is no other place to say it
            await context.send(self._sentence(error), ephemeral=True)

    async def _on_tree_error(
        self,
        interaction: discord.Interaction[FramehoundBot],
        error: app_commands.AppCommandError,
    ) -> None:
        sentence = self._sentence(error)
        if interaction.response.is_done():
            await interaction.followup.send(sentence, ephemeral=True)
        else:
            await interaction.response.send_message(sentence, ephemeral=True)

    def _sentence(self, error: Exception) -> str:
        """Return what to tell people; what nobody expected is logged, once."""
        cause = getattr(error, "original", error)
        cause = getattr(cause, "original", cause)
        if isinstance(cause, FramehoundError):
            return str(cause)
        if isinstance(cause, (commands.MissingPermissions, app_commands.MissingPermissions)):
            return "You need the Manage Server permission to change this."
        if isinstance(cause, (commands.NoPrivateMessage, app_commands.NoPrivateMessage)):
            return "This works in servers only."
        if isinstance(cause, commands.UserInputError):
            return "I didn't understand that; try the command with / to see what it takes."
        self._log.error("command failed", exc_info=cause)
        return str(FramehoundError())

    async def _sync_commands(self) -> None:
        """Sync only when the commands' content changed: Discord limits how often one may."""
        payload = [command.to_dict(self.tree) for command in self.tree.get_commands()]
        digest = hashlib.sha256(json.dumps(payload, sort_keys=True).encode()).hexdigest()
        key = f"commands:{self.application_id}"
        if await self.app.meta.get(key) != digest:
            await self.tree.sync()
            await self.app.meta.set(key, digest)


def point_at(api_url: str) -> None:
    """Make discord.py speak to another Discord-compatible REST root."""
    Route.BASE = api_url


async def follow_gateway(client: discord.Client) -> None:
    """Make discord.py use the gateway its REST root names, also after a lost session.

    Without this discord.py 2.7 goes back to its built-in address after op 9.
    """
    _shards, gateway, _limit = await client.http.get_bot_gateway()
    DiscordWebSocket.DEFAULT_GATEWAY = URL(gateway).with_query(None)


def _chosen_shards(shards: tuple[int, ...] | None) -> dict[str, Any]:
    """Name the shards to discord.py only where the operator did; else it takes all."""
    return {"shard_ids": list(shards)} if shards else {}


def _intents(*, message_content: bool) -> discord.Intents:
    intents = discord.Intents.none()
    intents.guilds = True
    intents.messages = True
    intents.message_content = message_content
    return intents
