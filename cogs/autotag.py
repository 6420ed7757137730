"""Noticing clips as they are posted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from discord.ext import commands

from cogs.clips import job_of_message, noticed_clips

if TYPE_CHECKING:
    import discord

    from bot.client import FramehoundBot


class AutoTag(commands.Cog):
    """Turns a message with clips into a job."""

    def __init__(self, bot: FramehoundBot) -> None:
        self._bot = bot

    @commands.Cog.listener()
    async def on_message(self, message: discord.Message) -> None:
        """Submit a job for a person's message with clips; everything else costs nothing."""
        if message.author.bot or message.webhook_id:
            return
        clips = noticed_clips(message)
        if not clips or (await self._bot.get_context(message)).valid:
            return
        await self._bot.jobs.submit(job_of_message(message, clips, asked=False))


async def setup(bot: FramehoundBot) -> None:
    """Add the cog."""
    await bot.add_cog(AutoTag(bot))
