"""*Find this clip*: where else the clips of a message were posted, for the person who asks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import discord
from discord import app_commands
from discord.ext import commands

from bot.render.search_results import same_clips_text
from cogs.visibility import visibility_of

if TYPE_CHECKING:
    from bot.chat.client import FramehoundBot


class SameClips(commands.Cog):
    """Lists the messages with the same clip that a person can see."""

    def __init__(self, bot: FramehoundBot) -> None:
        self._bot = bot
        self._menu = app_commands.ContextMenu(
            name="Find this clip",
            callback=self.find,
            allowed_contexts=app_commands.AppCommandContext(guild=True),
        )

    async def cog_load(self) -> None:
        """Add the context menu, which can't be declared with a decorator inside a cog."""
        self._bot.tree.add_command(self._menu)

    async def cog_unload(self) -> None:
        """Remove the context menu."""
        self._bot.tree.remove_command(self._menu.name, type=self._menu.type)

    async def find(
        self, interaction: discord.Interaction[FramehoundBot], message: discord.Message
    ) -> None:
        """List other messages with a clip of the selected one."""
        if interaction.guild_id is None:
            raise app_commands.NoPrivateMessage
        await interaction.response.defer(ephemeral=True, thinking=True)
        translate = await self._bot.translator_for(interaction)
        found, count = await self._bot.app.services.copies.find(
            message.id, interaction.guild_id, visibility_of(interaction)
        )
        await interaction.followup.send(same_clips_text(translate, found, count), ephemeral=True)


async def setup(bot: FramehoundBot) -> None:
    """Add the cog."""
    await bot.add_cog(SameClips(bot))
