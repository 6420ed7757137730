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
        guild_id = _guild_id(context)
        if value is None:
            current = await self._bot.app.reporter.threshold(guild_id)
            sentence = f"This server sees tags scored above {figures.threshold(current)}."
        else:
            sentence = await self._set_threshold(context, guild_id, value)
        await context.reply(sentence, mention_author=False)

    @commands.hybrid_group(  # type: ignore[arg-type]  # mypy infers none of its type variables
        name="settings", fallback="show", description="What this server has set"
    )
    @app_commands.default_permissions(manage_guild=True)
    @commands.has_permissions(manage_guild=True)
    @commands.guild_only()
    async def settings(self, context: commands.Context[FramehoundBot]) -> None:
        """Show everything this server has set (Manage Server only)."""
        guild_id = _guild_id(context)
        threshold = await self._bot.app.reporter.threshold(guild_id)
        days = await self._retention(guild_id)
        sentence = (
            f"This server sees tags scored above {figures.threshold(threshold)}; "
            f"what I know of its clips goes after {days} days."
        )
        await context.reply(sentence, mention_author=False, ephemeral=True)

    @settings.command(  # type: ignore[arg-type]  # mypy infers none of its type variables
        name="retention", description="Set for how many days clips are known"
    )
    @app_commands.describe(days="From 1 to what the operator allows; 0 for as long as that")
    @commands.has_permissions(manage_guild=True)
    @commands.guild_only()
    async def retention(self, context: commands.Context[FramehoundBot], days: int) -> None:
        """Set for how many days this server's clips are known (Manage Server only)."""
        guild_id, most = _guild_id(context), self._bot.app.config.retention_days
        if not 0 <= days <= most:
            sentence = f"It can be from 1 to {most} days, or 0 for as long as that."
        else:
            await self._bot.app.settings.set_retention(guild_id, days or None)
            sentence = f"What I know of this server's clips goes after {days or most} days."
        await context.reply(sentence, mention_author=False, ephemeral=True)

    async def _retention(self, guild_id: int) -> int:
        """Return the days that apply: the operator's are the most."""
        most = self._bot.app.config.retention_days
        return min((await self._bot.app.settings.load(guild_id)).retention_days or most, most)

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


def _guild_id(context: commands.Context[FramehoundBot]) -> int:
    if context.guild is None:
        raise commands.NoPrivateMessage
    return context.guild.id


async def setup(bot: FramehoundBot) -> None:
    """Add the cog."""
    await bot.add_cog(Settings(bot))
