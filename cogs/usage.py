"""``/usage``: the frames billed for a server this month."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from discord.ext import commands

from bot.chat.newcomers import is_newcomer
from bot.domain.budget import Payer
from bot.domain.job import guild_owner

if TYPE_CHECKING:
    from bot.chat.client import FramehoundBot
    from bot.domain.budget import Price
    from bot.i18n import Translator


class Usage(commands.Cog):
    """Shows how many frames were billed for a server."""

    def __init__(self, bot: FramehoundBot) -> None:
        self._bot = bot

    @commands.hybrid_command(  # type: ignore[arg-type]  # mypy infers none of its type variables
        name="usage", description="See how many frames this server has used this month"
    )
    @commands.guild_only()
    async def usage(self, context: commands.Context[FramehoundBot]) -> None:
        """Show the billed frames and the limit."""
        if context.guild is None:
            raise commands.NoPrivateMessage
        used = await self._bot.app.stores.usage.used(guild_owner(context.guild.id))
        budget = self._bot.app.config.budget
        translate = await self._bot.translator_for(context)
        if budget.server is None:
            billed = translate("Frames billed for this server this month: {used}.", used=used)
        else:
            billed = translate(
                "This server has used {used} of its {limit} frames this month.",
                used=used,
                limit=budget.server,
            )
        lines = [billed]
        if price := self._bot.app.config.clarifai_price:
            lines.append(money(translate, price, used))
        lines += await self._left(translate, context.guild.id, context.author.id)
        lines += [
            await self._what_counts(translate, context.guild.id),
            translate("The count resets on {day}.", day=_next_month()),
        ]
        await context.reply(" ".join(lines), mention_author=False, ephemeral=True)

    async def _left(self, translate: Translator, guild_id: int, user_id: int) -> list[str]:
        """Say what the person, and a new or small server, may still use of the budget today."""
        budget, today = self._bot.app.config.budget, datetime.now(UTC).date()
        newcomer = is_newcomer(self._bot, guild_id)
        payer = Payer(guild_owner(guild_id), person=str(user_id), newcomer=newcomer)
        used = await self._bot.app.stores.usage.spending(payer)
        said = []
        if (left := budget.left_for_newcomer(payer, used, today)) is not None:
            said.append(
                translate(
                    "While this server is small or I'm new here, {left} are left for today.",
                    left=left,
                )
            )
        if (left := budget.left_for_person(payer, used, today)) is not None:
            said.append(translate("Your own clips can use {left} of them today.", left=left))
        return said

    async def _what_counts(self, translate: Translator, guild_id: int) -> str:
        app = self._bot.app
        if app.config.chosen_tagger == "vision":
            return translate(
                "Each picture of a clip that the tagger is shown counts as one frame. Reposts are "
                "free."
            )
        settings = await app.stores.settings.load(guild_id)
        models = app.services.clip_tagger.models.chosen(settings.models)
        if len(models) > 1:
            return translate(
                "Each second of a clip that's new to me counts as one frame for each of {count} "
                "models. Reposts are free.",
                count=len(models),
            )
        return translate(
            "Each second of a clip that's new to me counts as one frame. Reposts are free."
        )


def money(translate: Translator, price: Price, frames: int) -> str:
    """Return a sentence about what some frames cost."""
    cost = translate.money(price.of(frames), price.currency)
    return translate("That's about {money}.", money=cost)


def _next_month() -> str:
    """Return the start of next month as a Discord timestamp, shown in the reader's language."""
    day = (datetime.now(UTC).replace(day=1) + timedelta(days=32)).replace(day=1)
    start = day.replace(hour=0, minute=0, second=0, microsecond=0)
    return f"<t:{start.timestamp():.0f}:D>"


async def setup(bot: FramehoundBot) -> None:
    """Add the cog."""
    await bot.add_cog(Usage(bot))
