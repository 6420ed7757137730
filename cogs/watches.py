"""``/watch``: tags that moderators want to be alerted to."""

from __future__ import annotations

from typing import TYPE_CHECKING

import discord
from discord import app_commands
from discord.ext import commands

from bot.chat.visibility import find_uncovered, may_read
from bot.domain.alerts import MAX_WATCHES, Watch
from bot.domain.search import MAX_NAME_LENGTH, normalize
from bot.domain.settings import parse_threshold
from bot.render import formatting, sanitize
from bot.render.summary import MESSAGE_LIMIT
from cogs.permissions import missing_to_write
from cogs.settings_panel.files import NO_WATCH
from cogs.suggestions import Suggestions, choices
from cogs.visibility import may_write

if TYPE_CHECKING:
    from bot.chat.client import FramehoundBot
    from bot.i18n import Translator

_MAX_NAMED = 10  # channels in one sentence


class WatchCommands(commands.Cog):
    """Adds, lists and removes the watches of a server."""

    watch = app_commands.Group(
        name="watch",
        description="Get alerts when a clip shows a certain tag (requires Manage Server)",
        guild_only=True,
        default_permissions=discord.Permissions(manage_guild=True),
    )

    def __init__(self, bot: FramehoundBot) -> None:
        self._bot = bot
        self._suggestions = Suggestions()

    @watch.command(name="add", description="Alert a channel when a clip shows a certain tag")
    @app_commands.describe(
        tag="The tag to watch for",
        channel="The channel to alert",
        threshold="Alert only above this score, such as 0.9, instead of the server's threshold",
    )
    @app_commands.checks.has_permissions(manage_guild=True)
    async def add(
        self,
        interaction: discord.Interaction[FramehoundBot],
        tag: app_commands.Range[str, 1, MAX_NAME_LENGTH],
        channel: discord.TextChannel | discord.Thread,
        threshold: str | None = None,
    ) -> None:
        """Add a watch; it replaces an earlier watch of the same tag."""
        translate = await self._bot.translator_for(interaction)
        score = parse_threshold(threshold) if threshold else None
        watch = Watch(sanitize.clean(tag, MAX_NAME_LENGTH), channel.id, score)
        missing = missing_to_write(channel, channel.guild.me)
        if threshold and score is None:
            sentence = translate("Use a score from 0 to just below 1, such as 0.9 or 90%.")
        elif not watch.normalized:
            sentence = translate("Enter the tag I should watch for.")
        elif missing:
            permissions = ", ".join(map(translate, missing))
            sentence = translate(
                "I can't write in {channel}. Missing permissions: {permissions}.",
                channel=channel.mention,
                permissions=permissions,
            )
        elif not await _may_write(interaction, channel):
            sentence = translate(NO_WATCH)
        elif await self._bot.app.stores.watches.add(channel.guild.id, watch):
            sentence = _confirmation(translate, watch)
            if note := await _note(translate, interaction, channel):
                sentence = f"{sentence} {note}"
        else:
            sentence = translate(
                "This server already watches for {most} tags, which is the maximum. "
                "Remove one with `/watch remove` first.",
                most=MAX_WATCHES,
            )
        await interaction.response.send_message(sentence, ephemeral=True)

    @watch.command(name="list", description="See which tags this server watches for")
    @app_commands.checks.has_permissions(manage_guild=True)
    async def show(self, interaction: discord.Interaction[FramehoundBot]) -> None:
        """List the server's watches."""
        translate = await self._bot.translator_for(interaction)
        watches = await self._bot.app.stores.watches.load(interaction.guild_id or 0)
        listed = "\n".join(_line(translate, watch) for watch in watches)
        if len(listed) > MESSAGE_LIMIT:
            listed = "\n".join(_line(translate, watch, longest=12) for watch in watches)
        nothing = translate(
            "This server isn't watching for any tags yet. Add one with `/watch add`."
        )
        await interaction.response.send_message(listed or nothing, ephemeral=True)

    @watch.command(name="remove", description="Stop watching for a tag")
    @app_commands.describe(tag="The tag to stop watching for")
    @app_commands.checks.has_permissions(manage_guild=True)
    async def remove(
        self,
        interaction: discord.Interaction[FramehoundBot],
        tag: app_commands.Range[str, 1, MAX_NAME_LENGTH],
    ) -> None:
        """Remove the watch of a tag."""
        translate = await self._bot.translator_for(interaction)
        shown = sanitize.for_discord(tag, limit=40)
        if await self._bot.app.stores.watches.remove(interaction.guild_id or 0, normalize(tag)):
            sentence = translate("I'm no longer watching for **{tag}**.", tag=shown)
        else:
            sentence = translate("This server isn't watching for **{tag}**.", tag=shown)
        await interaction.response.send_message(sentence, ephemeral=True)

    @add.autocomplete("tag")
    async def suggest_tags(
        self, interaction: discord.Interaction[FramehoundBot], typed: str
    ) -> list[app_commands.Choice[str]]:
        """Suggest tags of clips that the person can see."""
        return await self._suggestions.suggest(interaction, typed)

    @remove.autocomplete("tag")
    async def suggest_watched(
        self, interaction: discord.Interaction[FramehoundBot], typed: str
    ) -> list[app_commands.Choice[str]]:
        """Suggest watched tags, to people who may manage the server."""
        if not interaction.permissions.manage_guild:
            return []
        watches = await self._bot.app.stores.watches.load(interaction.guild_id or 0)
        return choices(watch.tag for watch in watches if normalize(typed) in watch.normalized)


async def _may_write(
    interaction: discord.Interaction[FramehoundBot], channel: discord.TextChannel | discord.Thread
) -> bool:
    member = interaction.user
    return isinstance(member, discord.Member) and await may_write(
        interaction.client, channel, member
    )


async def _note(
    translate: Translator,
    interaction: discord.Interaction[FramehoundBot],
    channel: discord.TextChannel | discord.Thread,
) -> str | None:
    """Name the channels that the person sees, but not everybody who would get their alerts."""
    target = channel.parent if isinstance(channel, discord.Thread) else channel
    if target is None or not isinstance(interaction.user, discord.Member):
        return None
    seen = [each for each in channel.guild.channels if may_read(each, interaction.user)]
    seen = [each for each in seen if not isinstance(each, discord.CategoryChannel)]
    hidden = await find_uncovered(seen, target, _MAX_NAMED)
    if not hidden:
        return None
    return translate(
        "Clips in {channels} cause no alerts there, because not everybody who sees {channel} "
        "can see them.",
        channel=channel.mention,
        channels=", ".join(each.mention for each in hidden),
    )


def _confirmation(translate: Translator, watch: Watch) -> str:
    facts = {"tag": sanitize.for_discord(watch.tag, 40), "channel": f"<#{watch.channel_id}>"}
    if watch.threshold is None:
        return translate("I'll alert {channel} when a clip shows **{tag}**.", **facts)
    return translate(
        "I'll alert {channel} when a clip shows **{tag}** with a score above {above}.",
        above=formatting.threshold(watch.threshold),
        **facts,
    )


def _line(translate: Translator, watch: Watch, longest: int = 40) -> str:
    """Return a line that describes a watch."""
    tag, channel = sanitize.for_discord(watch.tag, longest), f"<#{watch.channel_id}>"
    if watch.threshold is None:
        return translate("**{tag}** · {channel}", tag=tag, channel=channel)
    above = formatting.threshold(watch.threshold)
    return translate("**{tag}** above {above} · {channel}", tag=tag, above=above, channel=channel)


async def setup(bot: FramehoundBot) -> None:
    """Add the cog."""
    await bot.add_cog(WatchCommands(bot))
