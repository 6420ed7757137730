"""``/library``: a page of the server's clips that managers can search without a server."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import discord
from discord import app_commands
from discord.ext import commands

from bot.chat.messages import attached
from bot.domain.cooldown import Cooldown
from bot.errors import RateLimited
from bot.services.library import MAX_CLIPS  # noqa: TC001 - discord.py reads it at run time
from cogs.visibility import visibility_of, with_private_threads

if TYPE_CHECKING:
    from bot.chat.client import FramehoundBot
    from bot.i18n import Translator
    from bot.render.library import LibraryFile

_USUAL_CLIPS = 100
_PAUSE = 60.0  # seconds between two pages of a server, after a few at once
# Bytes; Discord allows more in boosted servers, but browsers get slow.
_MAX_BYTES = 20_000_000
_MARGIN = 100_000  # for the rest of the request


class Library(commands.Cog):
    """Makes the library of a server for its managers."""

    def __init__(self, bot: FramehoundBot) -> None:
        self._bot = bot
        self._servers = Cooldown(at_once=3, pause=_PAUSE)
        self._drawing: set[int] = set()

    @app_commands.command(
        name="library",
        description="Get a page of clips that you can search (requires Manage Server)",
    )
    @app_commands.describe(clips="How many of the newest clips")
    @app_commands.guild_only()
    @app_commands.default_permissions(manage_guild=True)
    @app_commands.checks.has_permissions(manage_guild=True)
    async def library(
        self,
        interaction: discord.Interaction[FramehoundBot],
        clips: app_commands.Range[int, 1, MAX_CLIPS] = _USUAL_CLIPS,
    ) -> None:
        """Send the page; only the person who asked sees it."""
        guild = self._bot.get_guild(interaction.guild_id or 0)
        if guild is None:
            raise commands.NoPrivateMessage
        if guild.id in self._drawing:
            raise RateLimited.of(_PAUSE)
        if wait := self._servers.wait(guild.id, time.monotonic()):
            raise RateLimited.of(wait)
        self._drawing.add(guild.id)
        try:
            await interaction.response.defer(ephemeral=True, thinking=True)
            translate = await self._bot.translator_for(interaction)
            made = await self._file(interaction, guild, clips, translate)
        finally:
            self._drawing.discard(guild.id)
        files = [attached(made.file)] if made else []
        await interaction.edit_original_response(
            content=_sentence(made, translate), attachments=files
        )

    async def _file(
        self,
        interaction: discord.Interaction[FramehoundBot],
        guild: discord.Guild,
        count: int,
        translate: Translator,
    ) -> LibraryFile | None:
        """Make the page of what the person can see right now."""
        library = self._bot.app.services.library
        visibility = visibility_of(interaction)
        threads = await library.private_threads(guild.id, visibility)
        visibility = await with_private_threads(interaction, visibility, threads)

        def place(channel_id: int, parent_id: int | None) -> str:
            found = guild.get_channel_or_thread(channel_id) or guild.get_channel(parent_id or 0)
            return f"#{found.name}" if found else ""

        limit = min(interaction.filesize_limit, _MAX_BYTES) - _MARGIN
        return await library.file(guild.id, guild.name, visibility, count, place, limit, translate)


def _sentence(made: LibraryFile | None, translate: Translator) -> str:
    if made is None:
        return translate("I don't know any clips in this server that you can see.")
    if made.count == 1:
        return translate("Here is the one clip that you can see. Open the page in a browser.")
    return translate(
        "Here are the newest {count} clips that you can see. Open the page in a browser.",
        count=made.count,
    )


async def setup(bot: FramehoundBot) -> None:
    """Add the cog."""
    await bot.add_cog(Library(bot))
