"""``/notify``: private messages about new clips that a person is looking for."""

from __future__ import annotations

import re
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Self

import discord
from discord import app_commands
from discord.ext import commands

from bot.chat.personal_alerts import STOP_PATTERN
from bot.chat.visibility import may_read
from bot.domain.cooldown import Cooldown
from bot.domain.personal_alerts import (
    MAX_OFFSET,
    MAX_SAVED_QUERIES,
    QuietHours,
    SavedQuery,
)
from bot.domain.query import MAX_QUERY_LENGTH, parse
from bot.domain.search import normalize
from bot.errors import RateLimited
from bot.render import sanitize
from bot.render.personal_alerts import query_name
from cogs.suggestions import Suggestions, choices

if TYPE_CHECKING:
    from bot.chat.client import FramehoundBot
    from bot.domain.personal_alerts import Recipient
    from bot.i18n import Translator

_ID = re.compile(r"(?:<[@#][!&]?)?(\d{15,20})>?")
_TIME = re.compile(r"([01]?\d|2[0-3])(?::?([0-5]\d))?")
_DAY = 24 * 60


class Notify(commands.Cog):
    """Saves, lists and removes the queries that people get alerts about."""

    notify = app_commands.Group(
        name="notify",
        description="Get a private message when a new clip matches what you're looking for",
        guild_only=True,
    )

    def __init__(self, bot: FramehoundBot) -> None:
        self._bot = bot
        self._persons = Cooldown(at_once=10, pause=3.0)
        self._suggestions = Suggestions()

    async def cog_load(self) -> None:
        """Handle the buttons of private messages, including those sent before a restart."""
        self._bot.add_dynamic_items(StopButton)

    async def cog_unload(self) -> None:
        """Stop handling the buttons."""
        self._bot.remove_dynamic_items(StopButton)

    @notify.command(name="add", description="Tell me what to look for in new clips here")
    @app_commands.describe(
        query="What to look for, as in /find: a tag, text on the screen, by:@somebody, in:#channel"
    )
    async def add(
        self,
        interaction: discord.Interaction[FramehoundBot],
        query: app_commands.Range[str, 1, MAX_QUERY_LENGTH],
    ) -> None:
        """Save a query."""
        self._check_rate(interaction)
        translate = await self._bot.translator_for(interaction)
        saved = _saved(interaction, query, translate)
        if isinstance(saved, str):
            sentence = saved
        elif await self._bot.app.stores.saved_queries.add(saved, translate.language):
            sentence = translate(
                "I'll send you a private message when somebody posts a clip here that matches "
                "**{query}**, if you can see it. Use `/notify list` to see all your alerts.",
                query=query_name(saved.text),
            )
        else:
            sentence = translate(
                "You already have {most} alerts, which is the maximum. Remove one with "
                "`/notify remove` first.",
                most=MAX_SAVED_QUERIES,
            )
        await interaction.response.send_message(sentence, ephemeral=True)

    @notify.command(name="list", description="See your alerts about new clips")
    async def show(self, interaction: discord.Interaction[FramehoundBot]) -> None:
        """List the person's queries in all servers."""
        self._check_rate(interaction)
        translate, user = await self._bot.translator_for(interaction), interaction.user.id
        store = self._bot.app.stores.saved_queries
        queries = await store.of_person(user)
        recipient = (await store.recipients([user])).get(user)
        if queries:
            lines = [
                *(self._line(query, translate) for query in queries),
                *_conditions(recipient, translate),
            ]
        else:
            lines = [translate("You have no alerts yet. Add one with `/notify add`.")]
        await interaction.response.send_message("\n".join(lines), ephemeral=True)

    @notify.command(name="remove", description="Stop one of your alerts")
    @app_commands.describe(query="The alert to stop")
    async def remove(
        self,
        interaction: discord.Interaction[FramehoundBot],
        query: app_commands.Range[str, 1, MAX_QUERY_LENGTH],
    ) -> None:
        """Remove one of the person's queries."""
        self._check_rate(interaction)
        translate, user = await self._bot.translator_for(interaction), interaction.user.id
        store, sought = self._bot.app.stores.saved_queries, normalize(query)
        queries = await store.of_person(user)
        here = [each for each in queries if each.guild_id == interaction.guild_id]
        found = [each for each in (*here, *queries) if normalize(each.text) == sought]
        if found and await store.remove(user, found[0].id):
            sentence = translate(
                "I've stopped your alert about **{query}**.", query=query_name(query)
            )
        else:
            sentence = translate("You have no alert about **{query}**.", query=query_name(query))
        await interaction.response.send_message(sentence, ephemeral=True)

    @notify.command(name="quiet", description="Choose hours without private messages")
    @app_commands.rename(start="from", end="to", offset="utc_offset")
    @app_commands.describe(
        start="When the quiet hours begin, such as 22:00; leave it out for no quiet hours",
        end="When they end, such as 7:00",
        offset="How many hours your time is ahead of UTC, such as 2 or -3.5",
    )
    async def quiet(
        self,
        interaction: discord.Interaction[FramehoundBot],
        start: str | None = None,
        end: str | None = None,
        offset: app_commands.Range[float, -MAX_OFFSET / 60, MAX_OFFSET / 60] = 0.0,
    ) -> None:
        """Save the person's quiet hours; alerts wait until they end."""
        self._check_rate(interaction)
        translate = await self._bot.translator_for(interaction)
        first, last = _minutes(start or ""), _minutes(end or "")
        if (start or end) and (first is None or last is None):
            sentence = translate("Write both times as hours and minutes, such as 22:00 and 7:30.")
        else:
            is_set = first is not None and last is not None
            quiet = QuietHours(first or 0, last or 0, round(offset * 60)) if is_set else None
            await self._bot.app.stores.saved_queries.save_quiet_hours(
                interaction.user.id, quiet, translate.language
            )
            sentence = _quiet_line(quiet, translate)
        await interaction.response.send_message(sentence, ephemeral=True)

    @add.autocomplete("query")
    async def suggest_tags(
        self, interaction: discord.Interaction[FramehoundBot], typed: str
    ) -> list[app_commands.Choice[str]]:
        """Suggest tags of clips that the person can see."""
        return await self._suggestions.suggest(interaction, typed)

    @remove.autocomplete("query")
    async def suggest(
        self, interaction: discord.Interaction[FramehoundBot], typed: str
    ) -> list[app_commands.Choice[str]]:
        """Suggest the person's own queries."""
        queries = await self._bot.app.stores.saved_queries.of_person(interaction.user.id)
        texts = dict.fromkeys(each.text for each in queries)
        return choices(text for text in texts if normalize(typed) in normalize(text))

    def _check_rate(self, interaction: discord.Interaction[FramehoundBot]) -> None:
        if wait := self._persons.wait(interaction.user.id, time.monotonic()):
            raise RateLimited.of(wait)

    def _line(self, query: SavedQuery, translate: Translator) -> str:
        guild = self._bot.get_guild(query.guild_id)
        if guild is None:
            return f"- **{query_name(query.text)}**"
        return "- " + translate(
            "**{query}** in {server}",
            query=query_name(query.text),
            server=sanitize.for_discord(guild.name, 40),
        )


class StopButton(discord.ui.DynamicItem[discord.ui.Button[discord.ui.View]], template=STOP_PATTERN):
    """The button in a private message that ends an alert."""

    def __init__(self, item: discord.ui.Button[discord.ui.View], query_id: int) -> None:
        super().__init__(item)
        self._query_id = query_id

    @classmethod
    async def from_custom_id(  # type: ignore[override]  # the item is a button, as its type says
        cls,
        _interaction: discord.Interaction[FramehoundBot],
        item: discord.ui.Button[discord.ui.View],
        match: re.Match[str],
        /,
    ) -> Self:
        """Rebuild the button that was pressed."""
        return cls(item, int(match["query"]))

    async def callback(self, interaction: discord.Interaction[FramehoundBot]) -> None:  # type: ignore[override]  # our own bot class
        """Stop the alert, if it is the person's own."""
        bot = interaction.client
        try:
            translate = await bot.translator_for(interaction)
            store = bot.app.stores.saved_queries
            if await store.remove(interaction.user.id, self._query_id):
                sentence = translate("Done. I've stopped this alert.")
            else:
                sentence = translate("This alert was stopped before.")
            await interaction.response.send_message(sentence, ephemeral=True)
        except Exception as error:  # noqa: BLE001 - answered with a sentence; unexpected errors are logged
            await bot.refuse(interaction, error)


def _saved(
    interaction: discord.Interaction[FramehoundBot], typed: str, translate: Translator
) -> SavedQuery | str:
    """Return the query to save, or a sentence that says what is wrong with it."""
    text = sanitize.clean(typed, MAX_QUERY_LENGTH)
    query = parse(text)
    saved = SavedQuery(interaction.user.id, interaction.guild_id or 0, text)
    if query.unreadable:
        return translate("Write dates as year-month-day, such as 2026-11-24.")
    if not (query.clauses or query.author or query.channel):
        return translate("Enter what I should look for.")
    if query.author:
        author = _ID.fullmatch(query.author)
        if author is None:
            return translate("Mention the person after `by:`, such as `by:@ben`.")
        saved = replace(saved, author_id=int(author[1]))
    if query.channel:
        channel = _channel(interaction, query.channel)
        if channel is None:
            return translate(
                "I don't know that channel. Mention it after `in:`, such as `in:#clips`."
            )
        saved = replace(saved, channel_id=channel)
    return saved


def _channel(interaction: discord.Interaction[FramehoundBot], typed: str) -> int | None:
    """Return a channel by its mention, its ID, or its name if the person can read it."""
    if found := _ID.fullmatch(typed):
        return int(found[1])
    guild, member, name = interaction.guild, interaction.user, normalize(typed.lstrip("#"))
    if guild is None or not isinstance(member, discord.Member):
        return None
    named = (each for each in guild.channels if normalize(each.name) == name)
    return next((each.id for each in named if may_read(each, member)), None)


def _minutes(text: str) -> int | None:
    """Return a time of the day in minutes since midnight; None if it is none."""
    found = _TIME.fullmatch(text.strip())
    return int(found[1]) * 60 + int(found[2] or 0) if found else None


def _conditions(recipient: Recipient | None, translate: Translator) -> list[str]:
    """Describe when a person gets alerts, and whether they are switched off."""
    lines = []
    if recipient and recipient.quiet:
        lines.append(_quiet_line(recipient.quiet, translate))
    if recipient and recipient.is_off:
        lines.append(
            translate(
                "I've switched your alerts off, because Discord didn't let me send you private "
                "messages. Allow them in this server's privacy settings, then add an alert again "
                "or use `/notify quiet`."
            )
        )
    return lines


def _quiet_line(quiet: QuietHours | None, translate: Translator) -> str:
    """Say when the quiet hours are; Discord shows the times as those of the person's clock."""
    if quiet is None:
        return translate("You have no quiet hours: I send alerts at any time.")
    start, end = (_moment(minutes, quiet.offset) for minutes in (quiet.start, quiet.end))
    return translate(
        "From {start} to {end} on your clock, I send you nothing; alerts wait until then.",
        start=f"<t:{start}:t>",
        end=f"<t:{end}:t>",
    )


def _moment(minutes: int, offset: int) -> int:
    """Return a moment of today with this local time, in seconds since 1970."""
    midnight = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return int((midnight + timedelta(minutes=(minutes - offset) % _DAY)).timestamp())


async def setup(bot: FramehoundBot) -> None:
    """Add the cog."""
    await bot.add_cog(Notify(bot))
