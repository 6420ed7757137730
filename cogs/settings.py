"""What a server sets."""

from __future__ import annotations

from typing import TYPE_CHECKING

from discord import app_commands
from discord.ext import commands

from bot.domain.settings import parse_threshold
from bot.render import figures, names

if TYPE_CHECKING:
    from bot.client import FramehoundBot


class Settings(commands.Cog):
    """Shows and changes a server's settings."""

    def __init__(self, bot: FramehoundBot) -> None:
        self._bot = bot

    @commands.hybrid_command(  # type: ignore[arg-type]  # mypy infers none of its type variables
        name="threshold", description="Show or set the score a tag must be above to be shown"
    )
    @app_commands.describe(value="The new threshold, such as 0.9 or 90% (needs Manage Server)")
    @commands.guild_only()
    async def threshold(
        self, context: commands.Context[FramehoundBot], value: str | None = None
    ) -> None:
        """Show this server's threshold, or set it (Manage Server only)."""
        if context.guild is None:
            raise commands.NoPrivateMessage
        if value is None:
            current = await self._bot.app.answerer.threshold(context.guild.id)
            sentence = f"This server sees tags scored above {figures.threshold(current)}."
        else:
            sentence = await self._set_threshold(context, context.guild.id, value)
        await context.reply(sentence, mention_author=False)

    async def _set_threshold(
        self, context: commands.Context[FramehoundBot], guild_id: int, value: str
    ) -> str:
        if not context.permissions.manage_guild:
            raise commands.MissingPermissions(["manage_guild"])
        threshold = parse_threshold(value)
        if threshold is None:
            shown = names.for_discord(value, limit=20)
            return f"{shown} is no threshold; it must be a score from 0 to below 1, such as 0.9."
        identity = self._bot.app.clip_tagger.tagger.identity
        await self._bot.app.settings.set_threshold(guild_id, str(identity), threshold)
        return f"From now on this server sees tags scored above {figures.threshold(threshold)}."


async def setup(bot: FramehoundBot) -> None:
    """Add the cog."""
    await bot.add_cog(Settings(bot))
