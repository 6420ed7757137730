"""``/find``: posted clips by what they show, for the eyes of the one who asks alone."""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from itertools import islice
from typing import TYPE_CHECKING, Any, Self

import discord
from discord import app_commands
from discord.ext import commands

from bot.chat.buttons import unwatched
from bot.domain.cooldown import Cooldown
from bot.domain.search import MAX_NAME_LENGTH, SearchQuery, normalize
from bot.domain.settings import parse_threshold
from bot.errors import FramehoundError, TooOften
from bot.render import sanitize
from bot.render.search_results import result_line
from bot.storage.errors import StorageUnavailable
from cogs.visibility import visibility_of, with_private_threads

if TYPE_CHECKING:
    import re
    from collections.abc import Iterable

    from bot.chat.client import FramehoundBot
    from bot.i18n import Translator
    from bot.services.search import SearchPage

_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
_FIELDS = ("concept", "channel", "author", "since", "until", "min_score", "page")
_TEMPLATE = "find:" + ":".join(
    f"(?P<{field}>[0-9a-z]{'+' if field == 'concept' else '*'})" for field in _FIELDS
)
_MAX_CHOICES = 25
_MAX_SIMILAR = 5


@dataclass(frozen=True, slots=True)
class SearchState:
    """A search as it fits into a button: numbers alone, dates as days, the score in 1/10,000."""

    concept: int
    channel: int | None = None
    author: int | None = None
    since: int | None = None
    until: int | None = None
    min_score: int | None = None
    page: int | None = None

    def __str__(self) -> str:
        """Write it for a button; at most 100 characters whatever the numbers."""
        written = (getattr(self, field) for field in _FIELDS)
        return "find:" + ":".join("" if value is None else _base36(value) for value in written)

    @classmethod
    def read(cls, match: re.Match[str]) -> Self:
        """Return what ``str`` wrote."""
        values: dict[str, Any] = {
            name: int(text, 36) if text else None for name, text in match.groupdict().items()
        }
        return cls(**values)

    def search(self, interaction: discord.Interaction[FramehoundBot]) -> SearchQuery:
        """Return what is looked for, and where the one who asks may look."""
        return SearchQuery(
            self.concept,
            guild_id=_guild_id(interaction),
            channel_id=self.channel,
            author_id=self.author,
            since=_midnight(self.since),
            until=None if self.until is None else _midnight(self.until + 1),
            min_score=None if self.min_score is None else self.min_score / 10_000,
            visibility=visibility_of(interaction),
        )


class PageButton(discord.ui.DynamicItem[discord.ui.Button[discord.ui.View]], template=_TEMPLATE):
    """A button that leads to another page; all it must know is in its id."""

    def __init__(self, asked: SearchState, *, emoji: str = "▶", disabled: bool = False) -> None:
        super().__init__(discord.ui.Button(emoji=emoji, custom_id=str(asked), disabled=disabled))
        self._asked = asked

    @classmethod
    async def from_custom_id(  # type: ignore[override]  # the client is ours
        cls,
        interaction: discord.Interaction[FramehoundBot],
        item: discord.ui.Item[discord.ui.View],
        match: re.Match[str],
        /,
    ) -> Self:
        """Rebuild the button that was pressed."""
        del interaction, item
        return cls(SearchState.read(match))

    async def callback(self, interaction: discord.Interaction[FramehoundBot]) -> None:  # type: ignore[override]  # the client is ours
        """Show the page instead of the one there was."""
        await interaction.response.defer()
        try:
            await show(interaction, self._asked)
        except FramehoundError as error:
            await interaction.client.refuse(interaction, error)


class Search(commands.Cog):
    """Finds posted clips."""

    def __init__(self, bot: FramehoundBot) -> None:
        self._bot = bot
        self._persons = Cooldown(at_once=10, pause=3.0)

    async def cog_load(self) -> None:
        """Answer buttons, those of before a restart too."""
        self._bot.add_dynamic_items(PageButton)

    async def cog_unload(self) -> None:
        """Answer them no more."""
        self._bot.remove_dynamic_items(PageButton)

    @app_commands.command(name="find", description="Find posted clips by what they show")
    @app_commands.rename(since="from", until="to")
    @app_commands.describe(
        tag="What the clips show",
        channel="Only in this channel, and the threads in it",
        person="Only what this person posted",
        since="Only from this day on, such as 2026-11-24 (UTC)",
        until="Only up to this day, such as 2026-11-30 (UTC)",
        min_score="The score it must be above instead of the threshold, such as 0.9 or 90%",
    )
    async def find(
        self,
        interaction: discord.Interaction[FramehoundBot],
        tag: app_commands.Range[str, 1, MAX_NAME_LENGTH],
        channel: app_commands.AppCommandChannel | app_commands.AppCommandThread | None = None,
        person: discord.User | None = None,
        since: str | None = None,
        until: str | None = None,
        min_score: str | None = None,
    ) -> None:
        """Show what was found, newest first."""
        if wait := self._persons.wait(interaction.user.id, time.monotonic()):
            raise TooOften(wait)
        await interaction.response.defer(ephemeral=True, thinking=True)
        translate = await interaction.client.translator_for(interaction)
        content = _mistake(translate, since, until, min_score)
        concept = await self._bot.app.finder.concept(tag, _guild_id(interaction))
        if content is None and concept is None:
            content = await _nothing(interaction, translate, tag)
        if content is not None or concept is None:
            await interaction.edit_original_response(content=content)
            return
        asked = SearchState(
            concept.number,
            channel=channel.id if channel else None,
            author=person.id if person else None,
            since=_day(since),
            until=_day(until),
            min_score=_score(min_score),
        )
        await show(interaction, asked, tag)

    @find.autocomplete("tag")
    async def suggest(
        self, interaction: discord.Interaction[FramehoundBot], typed: str
    ) -> list[app_commands.Choice[str]]:
        """Suggest tags of clips that the one who types can see, most seen first."""
        return await suggested(interaction, typed)


async def suggested(
    interaction: discord.Interaction[FramehoundBot], typed: str
) -> list[app_commands.Choice[str]]:
    """Return tags as Discord lists them; none while the database is away."""
    tags: list[str] = []
    with suppress(StorageUnavailable):
        tags = await interaction.client.app.finder.suggest(
            typed, _guild_id(interaction), visibility_of(interaction)
        )
    return choices(tags)


def choices(tags: Iterable[str]) -> list[app_commands.Choice[str]]:
    """Return names as Discord lists them, no more than it allows."""
    shown = (sanitize.clean(tag, MAX_NAME_LENGTH) for tag in islice(tags, _MAX_CHOICES))
    return [app_commands.Choice(name=tag, value=tag) for tag in shown]


async def show(
    interaction: discord.Interaction[FramehoundBot], asked: SearchState, typed: str = ""
) -> None:
    """Put a page of what is found into the response, which only the one who asks sees."""
    translate, finder = (
        await interaction.client.translator_for(interaction),
        interaction.client.app.finder,
    )
    concept = await finder.concept(asked.concept, _guild_id(interaction))
    tag = concept.name if concept else typed
    search = asked.search(interaction)
    if concept and search.visibility:
        threads = await finder.private_threads(search)
        visibility = await with_private_threads(interaction, search.visibility, threads)
        page = await finder.page(replace(search, visibility=visibility), tag, asked.page or 0)
        if page.finds:
            view = _turns(asked, page) if page.pages > 1 else None
            content = _written(translate, tag, page, interaction.guild_id)
            await interaction.edit_original_response(content=content, view=view)
            return
    nothing = await _nothing(interaction, translate, typed or tag)
    await interaction.edit_original_response(content=nothing, view=None)


def _written(translate: Translator, tag: str, page: SearchPage, guild_id: int | None) -> str:
    """Write a page; ``guild_id`` is where its links lead, be the bot in that server or not."""
    shown = sanitize.for_discord(tag, limit=40)
    if page.count == 1:
        heading = translate("**{tag}** in one clip", tag=shown)
    else:
        heading = translate("**{tag}** in {count} clips", tag=shown, count=page.count)
    if page.pages > 1:
        where = translate("page {number} of {count}", number=page.number + 1, count=page.pages)
        heading = f"{heading} · {where}"
    lines = [
        result_line(translate, replace(find.hit, guild_id=guild_id), find.tag, find.segments)
        for find in page.finds
    ]
    return "\n".join([heading, *lines])


def _turns(asked: SearchState, page: SearchPage) -> discord.ui.View:
    """Return the buttons under a page; they need nobody to wait for them."""
    view = discord.ui.View(timeout=None)
    for emoji, number in (("◀️", page.number - 1), ("▶️", page.number + 1)):
        there = 0 <= number < page.pages
        # Two buttons must not have one id, not even where one is shut.
        target = number if there else page.pages + 1
        view.add_item(PageButton(replace(asked, page=target), emoji=emoji, disabled=not there))
    return unwatched(view)


async def _nothing(
    interaction: discord.Interaction[FramehoundBot], translate: Translator, typed: str
) -> str:
    """Say that nothing is found, the same whether there is none or none one may see."""
    finder = interaction.client.app.finder
    guild_id, visibility = _guild_id(interaction), visibility_of(interaction)
    like = await finder.suggest(typed, guild_id, visibility) or await finder.suggest(
        "", guild_id, visibility
    )
    nothing = translate(
        "I find no clip here with {tag}.", tag=sanitize.for_discord(typed, limit=40)
    )
    others = [tag for tag in like if normalize(tag) != normalize(typed)][:_MAX_SIMILAR]
    if not others:
        return nothing
    tags = ", ".join(sanitize.for_discord(tag, limit=40) for tag in others)
    return f"{nothing} {translate('There is: {tags}.', tags=tags)}"


def _mistake(
    translate: Translator, since: str | None, until: str | None, min_score: str | None
) -> str | None:
    """Say what can't be read."""
    if any(text and _day(text) is None for text in (since, until)):
        return translate("A day is written like 2026-11-24.")
    if min_score and _score(min_score) is None:
        return translate("A score is from 0 to below 1, such as 0.9 or 90%.")
    return None


def _day(text: str | None) -> int | None:
    """Read a day, as its number in the calendar."""
    try:
        return date.fromisoformat((text or "").strip()).toordinal()
    except ValueError:
        return None


def _score(text: str | None) -> int | None:
    """Read a score, in 1/10,000."""
    score = parse_threshold(text) if text else None
    return None if score is None else round(score * 10_000)


def _midnight(day: int | None) -> datetime | None:
    """Return when a day begins; a number no calendar has is none."""
    if day is None or not 1 <= day <= date.max.toordinal():
        return None
    return datetime.combine(date.fromordinal(day), datetime.min.time(), UTC)


def _base36(number: int) -> str:
    written = ""
    while number:
        number, digit = divmod(number, 36)
        written = _DIGITS[digit] + written
    return written or "0"


def _guild_id(interaction: discord.Interaction[FramehoundBot]) -> int | None:
    """Return the server; one the bot is not in has no part in what a person does there."""
    here = interaction.client.get_guild(interaction.guild_id or 0)
    return here.id if here else None


async def setup(bot: FramehoundBot) -> None:
    """Add the cog."""
    await bot.add_cog(Search(bot))
