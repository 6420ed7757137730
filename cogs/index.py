"""``/index``: tags what was posted before the bot came, once a manager has seen the price."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import discord
from discord import app_commands, ui
from discord.ext import commands

from bot.chat.history import DiscordHistory
from bot.chat.index_messages import IndexMessages, describe_run, index_button
from bot.chat.persistent_items import PersistentItem
from bot.chat.visibility import may_read
from bot.domain.index_run import IndexRun, IndexState
from bot.domain.job import Reply, guild_owner
from bot.render import formatting
from cogs.permissions import missing_to_write
from cogs.usage import money
from cogs.visibility import is_let_in

if TYPE_CHECKING:
    import re
    from collections.abc import Iterable

    from bot.chat.client import FramehoundBot
    from bot.domain.index_run import IndexPrice
    from bot.domain.settings import GuildSettings
    from bot.i18n import Translator

    Press = discord.Interaction[FramehoundBot]
    Readable = discord.TextChannel | discord.Thread | discord.VoiceChannel | discord.StageChannel

_MAX_DAYS = 3650


class Index(commands.Cog):
    """Prices, starts, shows and stops index runs."""

    def __init__(self, bot: FramehoundBot) -> None:
        self._bot = bot
        self._history = DiscordHistory(bot, bot.app.config.sites)
        self._searched: set[int] = set()

    async def cog_load(self) -> None:
        """Make buttons work that an earlier process sent."""
        self._bot.add_dynamic_items(IndexButton)

    async def cog_unload(self) -> None:
        """Stop handling buttons."""
        self._bot.remove_dynamic_items(IndexButton)

    @app_commands.command(
        name="index",
        description="Tag clips that were posted before I came (requires Manage Server)",
    )
    @app_commands.describe(
        channel="Only look in this channel, instead of everywhere I reply to clips",
        days="How many days to go back",
    )
    @app_commands.guild_only()
    @app_commands.default_permissions(manage_guild=True)
    @app_commands.checks.has_permissions(manage_guild=True)
    async def index(
        self,
        interaction: Press,
        channel: discord.TextChannel | discord.Thread | discord.VoiceChannel | None = None,
        days: app_commands.Range[int, 1, _MAX_DAYS] | None = None,
    ) -> None:
        """Find older clips, and show what tagging them costs."""
        await interaction.response.defer(ephemeral=True, thinking=True)
        translate = await self._bot.translator_for(interaction)
        guild, _ = _member(interaction)
        if guild.id in self._searched:
            await interaction.followup.send(
                translate("I'm still looking for older clips here."), ephemeral=True
            )
            return
        self._searched.add(guild.id)
        try:
            content, view = await self._offer(interaction, translate, channel, days)
        finally:
            self._searched.discard(guild.id)
        await interaction.followup.send(content, view=view or discord.utils.MISSING, ephemeral=True)

    async def _offer(
        self, interaction: Press, translate: Translator, channel: Readable | None, days: int | None
    ) -> tuple[str, ui.View | None]:
        """Return the price of a run with a button that starts it, or why there is none."""
        guild, member = _member(interaction)
        history = self._bot.app.services.history
        running = await history.runs.of_guild(guild.id)
        if running is not None:
            return describe_run(running, translate), index_button("stop", running.id, translate)
        settings = await self._bot.app.stores.settings.load(guild.id)
        places = [channel] if channel else _watched(guild, settings)
        channels = await _readable(places, member, self._bot)
        run, price = await history.price(
            self._history,
            guild.id,
            channels,
            after=self._after(settings, days),
            started_by=member.id,
        )
        if not price.clips:
            return translate("I found no older clips that are new to me."), None
        content = await self._price(guild, price, translate)
        return content, index_button("start", run.id, translate)

    def _after(self, settings: GuildSettings, days: int | None) -> int:
        """Return the snowflake of the oldest day whose clips are wanted and may be kept."""
        longest = min(self._bot.app.config.retention_days, settings.retention_days or _MAX_DAYS)
        oldest = datetime.now(UTC) - timedelta(days=min(days or longest, longest))
        return discord.utils.time_snowflake(oldest)

    async def _price(self, guild: discord.Guild, price: IndexPrice, translate: Translator) -> str:
        sentences = [_found(price, translate)]
        if self._bot.app.config.chosen_tagger != "local":
            sentences.append(await self._frames(guild, price, translate))
        if not price.complete:
            sentences.append(
                translate("There are more. Use `/index` again once I'm done with these.")
            )
        sentences.append(
            translate(
                "I won't reply to them, but `/find` will find them. Clips that people post now "
                "come first."
            )
        )
        return " ".join(sentences)

    async def _frames(self, guild: discord.Guild, price: IndexPrice, translate: Translator) -> str:
        app = self._bot.app
        settings = await app.stores.settings.load(guild.id)
        models = app.services.clip_tagger.models.chosen(settings.models)
        frames = price.frames(app.services.clip_tagger.tagger, models=len(models))
        used = await app.stores.usage.used(guild_owner(guild.id))
        left = app.config.budget.remaining(used, await app.stores.usage.used())
        if left is None:
            costs = translate("Tagging them costs up to {frames} frames.", frames=frames)
        else:
            costs = translate(
                "Tagging them costs up to {frames} frames, and {left} are left this month.",
                frames=frames,
                left=left,
            )
        price_of_frames = app.config.clarifai_price
        return f"{costs} {money(translate, price_of_frames, frames)}" if price_of_frames else costs

    async def press(self, interaction: Press, action: str, run_id: int) -> None:
        """Start or stop a run, for people who manage its server."""
        guild, _ = _member(interaction)
        if not interaction.permissions.manage_guild:
            raise app_commands.MissingPermissions(["manage_guild"])
        run = await self._bot.app.services.history.runs.find(run_id)
        translate = await self._bot.translator_for(interaction)
        if run is None or run.guild_id != guild.id:
            await interaction.response.send_message(
                translate("This button has expired. Use `/index` again."), ephemeral=True
            )
        elif action == "start":
            await self._start(interaction, run, translate)
        else:
            await self._stop(interaction, run)

    async def _start(self, interaction: Press, run: IndexRun, translate: Translator) -> None:
        """Start, and post a message with the progress."""
        guild, _ = _member(interaction)
        history = self._bot.app.services.history
        if run.state is not IndexState.PRICED or await history.runs.of_guild(guild.id):
            sentence = translate("This button has expired. Use `/index` again.")
            await interaction.response.edit_message(content=sentence, view=None)
            return
        await history.start(run.id)
        await self._announce(interaction, run.id)
        sentence = translate("I've started. You can stop me at any time.")
        await interaction.response.edit_message(
            content=sentence, view=index_button("stop", run.id, translate)
        )

    async def _announce(self, interaction: Press, run_id: int) -> None:
        """Post the message with the progress in the channel, if the bot may write there."""
        runs = self._bot.app.services.history.runs
        channel, guild, run = interaction.channel, interaction.guild, await runs.find(run_id)
        if guild is None or run is None:
            return
        if not isinstance(channel, discord.TextChannel | discord.Thread):
            return
        if missing_to_write(channel, guild.me):
            return
        translate = await self._bot.translator(guild.id)
        sent = await channel.send(
            describe_run(run, translate), view=index_button("stop", run.id, translate), silent=True
        )
        await runs.show_in(run.id, Reply(sent.channel.id, sent.id))

    async def _stop(self, interaction: Press, run: IndexRun) -> None:
        await interaction.response.defer()
        history = self._bot.app.services.history
        await history.runs.end(run.id, IndexState.STOPPED)
        ended = await history.runs.find(run.id)
        if ended is None:
            return
        translate = await self._bot.translator_for(interaction)
        await interaction.edit_original_response(content=describe_run(ended, translate), view=None)
        if ended.shown and (
            interaction.message is None or ended.shown.message_id != interaction.message.id
        ):
            await IndexMessages(self._bot).show(ended)


class IndexButton(PersistentItem, template=r"index:(?P<action>start|stop):(?P<run>[0-9]{1,9})"):
    """A button that starts or stops a run."""

    async def pressed(self, interaction: Press, match: re.Match[str]) -> None:
        """Start or stop the run."""
        cog = interaction.client.get_cog(Index.__name__)
        if isinstance(cog, Index):
            await cog.press(interaction, match["action"], int(match["run"]))


def _found(price: IndexPrice, translate: Translator) -> str:
    """Return a sentence about how many clips were found, and how long they are."""
    clips, length = price.clips, formatting.length(price.length, translate)
    unmeasured = price.unmeasured
    if not price.length:
        return translate("Older clips I don't know yet: {clips}.", clips=clips)
    if not price.unmeasured:
        return translate(
            "Older clips I don't know yet: {clips}, with {length} of video.",
            clips=clips,
            length=length,
        )
    return translate(
        "Older clips I don't know yet: {clips}, with {length} of video, not counting {unmeasured} "
        "of unknown length.",
        clips=clips,
        length=length,
        unmeasured=unmeasured,
    )


def _member(interaction: Press) -> tuple[discord.Guild, discord.Member]:
    if interaction.guild is None or not isinstance(interaction.user, discord.Member):
        raise app_commands.NoPrivateMessage
    return interaction.guild, interaction.user


def _watched(guild: discord.Guild, settings: GuildSettings) -> Iterable[Readable]:
    """Yield the channels and threads in which the server has posted clips tagged."""
    channels: list[Readable] = [*guild.text_channels, *guild.voice_channels]
    channels += [*guild.stage_channels, *guild.threads]
    for channel in channels:
        parent = getattr(channel, "parent_id", None)
        ids = {number for number in (channel.id, parent, channel.category_id) if number}
        nsfw = channel.is_nsfw()
        allowed = settings.allows_autotag(ids, settings.roles_allowed, nsfw=nsfw)
        if allowed or not settings.autotag:
            yield channel


async def _readable(
    channels: Iterable[Readable], member: discord.Member, client: discord.Client
) -> list[int]:
    """Return those channels whose messages both the manager and the bot may read."""
    both = [
        channel
        for channel in channels
        if may_read(channel, member) and may_read(channel, member.guild.me)
    ]
    let_in = await asyncio.gather(*(is_let_in(client, channel, member) for channel in both))
    return [channel.id for channel, seen in zip(both, let_in, strict=True) if seen]


async def setup(bot: FramehoundBot) -> None:
    """Add the cog."""
    await bot.add_cog(Index(bot))
