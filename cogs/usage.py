"""What the month has cost so far."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from discord.ext import commands

from bot.domain.job import guild_owner

if TYPE_CHECKING:
    from bot.client import FramehoundBot


class Usage(commands.Cog):
    """Says how many frames were billed for a server."""

    def __init__(self, bot: FramehoundBot) -> None:
        self._bot = bot

    @commands.hybrid_command(  # type: ignore[arg-type]  # mypy infers none of its type variables
        name="usage", description="How many frames were billed for this server this month"
    )
    @commands.guild_only()
    async def usage(self, context: commands.Context[FramehoundBot]) -> None:
        """Say what was billed this month, and what the limit is."""
        if context.guild is None:
            raise commands.NoPrivateMessage
        used = await self._bot.app.bills.used(guild_owner(context.guild.id))
        budget = self._bot.app.config.budget
        of = f" of {budget.server:,}" if budget.server is not None else ""
        sentence = (
            f"This month {used:,}{of} frames were billed for this server, one for each second of a "
            f"clip nobody had posted before. The count starts anew on {_next_month()} (UTC)."
        )
        await context.reply(sentence, mention_author=False, ephemeral=True)


def _next_month() -> str:
    """Write the first day of next month, as in ``1 December``."""
    return f"1 {datetime.now(UTC).replace(day=1) + timedelta(days=32):%B}"


async def setup(bot: FramehoundBot) -> None:
    """Add the cog."""
    await bot.add_cog(Usage(bot))
