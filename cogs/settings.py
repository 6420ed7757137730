"""The commands that show and change a server's settings."""

from __future__ import annotations

from typing import TYPE_CHECKING

import discord
from discord import app_commands
from discord.ext import commands

from bot.domain.settings import parse_threshold
from bot.domain.settings_file import InvalidSettingsFile
from bot.render import formatting, sanitize
from cogs.settings_panel.files import SettingsFiles, describe_mistakes
from cogs.settings_panel.panel import Panel

if TYPE_CHECKING:
    from bot.chat.client import FramehoundBot
    from bot.i18n import Translator


class Settings(commands.Cog):
    """Shows and changes a server's settings."""

    def __init__(self, bot: FramehoundBot) -> None:
        self._bot = bot
        self._files = SettingsFiles(bot)
        self._panel = Panel(bot, self._files)

    @commands.hybrid_command(  # type: ignore[arg-type]  # mypy infers none of its type variables
        name="threshold", description="See or set the score a tag must exceed to be shown"
    )
    @app_commands.describe(value=("The new threshold, such as 0.9 or 90% (requires Manage Server)"))
    @commands.guild_only()
    async def threshold(
        self, context: commands.Context[FramehoundBot], value: str | None = None
    ) -> None:
        """Show this server's threshold, or set it (Manage Server only)."""
        guild = _guild(context)
        if value is None:
            translate = await self._bot.translator(guild.id)
            above = formatting.threshold(await self._bot.app.services.reports.threshold(guild.id))
            sentence = translate("This server shows tags scored above {above}.", above=above)
        else:
            sentence = await self._set_threshold(context, guild, value)
        await context.reply(sentence, mention_author=False)

    async def cog_load(self) -> None:
        """Make the panels work that an earlier process sent."""
        self._bot.add_dynamic_items(self._panel.item)

    async def cog_unload(self) -> None:
        """Stop handling panels."""
        self._bot.remove_dynamic_items(self._panel.item)

    @commands.hybrid_group(  # type: ignore[arg-type]  # mypy infers none of its type variables
        name="settings",
        fallback="show",
        description="See and change my settings for this server",
    )
    @app_commands.default_permissions(manage_guild=True)
    @commands.has_permissions(manage_guild=True)
    @commands.guild_only()
    async def settings(self, context: commands.Context[FramehoundBot]) -> None:
        """Show the panel (Manage Server only); as a text command, where all can see it."""
        guild = _guild(context)
        private = context.interaction is not None
        translate = await (
            self._bot.translator_for(context) if private else self._bot.translator(guild.id)
        )
        view = await self._panel.view(guild, context.channel, translate)
        await context.reply(view=view, mention_author=False, ephemeral=True)

    @settings.command(  # type: ignore[arg-type]  # mypy infers none of its type variables
        name="retention", description="Set how many days I remember this server's clips"
    )
    @app_commands.describe(days="Number of days, or 0 for the maximum")
    @commands.has_permissions(manage_guild=True)
    @commands.guild_only()
    async def retention(self, context: commands.Context[FramehoundBot], days: int) -> None:
        """Set how many days this server's clips are remembered (Manage Server only)."""
        guild, most = _guild(context), self._bot.app.config.retention_days
        translate = await self._bot.translator_for(context)
        if not 0 <= days <= most:
            sentence = translate("Choose from 1 to {most} days, or 0 for the maximum.", most=most)
        else:
            await self._bot.app.stores.settings.update(guild.id, retention_days=days or None)
            sentence = _retention_set(translate, days or most)
        await context.reply(sentence, mention_author=False, ephemeral=True)

    @settings.command(  # type: ignore[arg-type]  # mypy infers none of its type variables
        name="export", description="Export this server's settings as a file"
    )
    @commands.has_permissions(manage_guild=True)
    @commands.guild_only()
    async def export_settings(self, context: commands.Context[FramehoundBot]) -> None:
        """Send everything this server has set as a file (Manage Server only)."""
        file = await self._files.export(_guild(context))
        await context.reply(file=file, mention_author=False, ephemeral=True)

    @settings.command(  # type: ignore[arg-type]  # mypy infers none of its type variables
        name="import",
        description=("Import settings from a file exported here or in another server"),
    )
    @app_commands.describe(
        file=("The exported file. Settings it doesn't mention stay as they are.")
    )
    @commands.has_permissions(manage_guild=True)
    @commands.guild_only()
    async def import_settings(
        self, context: commands.Context[FramehoundBot], file: discord.Attachment
    ) -> None:
        """Set what a file says if all of it is valid (Manage Server only)."""
        await context.defer(ephemeral=True)
        translate = await self._bot.translator_for(context)
        try:
            await self._files.import_file(_guild(context), file, _member(context))
        except InvalidSettingsFile as invalid:
            sentence = describe_mistakes(invalid, translate)
        else:
            sentence = translate("Settings imported. See them with `/settings show`.")
        await context.reply(sentence, mention_author=False, ephemeral=True)

    async def _set_threshold(
        self, context: commands.Context[FramehoundBot], guild: discord.Guild, value: str
    ) -> str:
        if not context.permissions.manage_guild:
            raise commands.MissingPermissions(["manage_guild"])
        translate = await self._bot.translator(guild.id)
        threshold = parse_threshold(value)
        if threshold is None:
            return translate(
                "**{value}** isn't a valid threshold. Use a score from 0 to just below "
                "1, such as 0.9 or 90%.",
                value=sanitize.for_discord(value, limit=20),
            )
        models = self._bot.app.services.clip_tagger.models.identities
        await self._bot.app.stores.settings.update(
            guild.id, thresholds={str(each): threshold for each in models}
        )
        above = formatting.threshold(threshold)
        return translate("Done. This server now shows tags scored above {above}.", above=above)


def _retention_set(translate: Translator, days: int) -> str:
    if days == 1:
        return translate("Done. I'll forget this server's clips after 1 day.")
    return translate("Done. I'll forget this server's clips after {days} days.", days=days)


def _guild(context: commands.Context[FramehoundBot]) -> discord.Guild:
    if context.guild is None:
        raise commands.NoPrivateMessage
    return context.guild


def _member(context: commands.Context[FramehoundBot]) -> discord.Member:
    if not isinstance(context.author, discord.Member):
        raise commands.NoPrivateMessage
    return context.author


async def setup(bot: FramehoundBot) -> None:
    """Add the cog."""
    await bot.add_cog(Settings(bot))
