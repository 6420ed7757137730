"""``/find``: searches posted clips by what they show; only the person who asks sees the results."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING

import discord
from discord import app_commands
from discord.ext import commands

from bot.chat.buttons import without_timeout
from bot.chat.persistent_items import PersistentItem
from bot.domain.cooldown import Cooldown
from bot.domain.search import MAX_NAME_LENGTH, normalize
from bot.errors import RateLimited
from bot.render import sanitize
from bot.render.search_results import page_text
from cogs.search_state import OLD_TEMPLATE, TEMPLATE, SearchState, parse_day, parse_score
from cogs.suggestions import Suggestions
from cogs.visibility import visibility_of, with_private_threads

if TYPE_CHECKING:
    import re

    from bot.chat.client import FramehoundBot
    from bot.domain.search import IndexedConcept, SearchPage
    from bot.i18n import Translator

_MAX_SIMILAR = 5


class PageButton(PersistentItem, template=TEMPLATE):
    """A button that leads to another page; its ID holds the whole search."""

    async def pressed(
        self, interaction: discord.Interaction[FramehoundBot], match: re.Match[str]
    ) -> None:
        """Show the page in place of the current one."""
        cog = interaction.client.get_cog(Search.__name__)
        if not isinstance(cog, Search):
            return
        state = SearchState.read(match)
        cog.check_rate(interaction.user.id)
        await interaction.response.defer()
        clip_search = interaction.client.app.services.search
        concept = await clip_search.concept(state.concept, _guild_id(interaction))
        await _show(interaction, state, concept, concept.name if concept else "")


class OldPageButton(PersistentItem, template=OLD_TEMPLATE):
    """A page button of a development version, whose search can't be read any more."""

    async def pressed(
        self, interaction: discord.Interaction[FramehoundBot], match: re.Match[str]
    ) -> None:
        """Tell the person to search again."""
        del match
        translate = await interaction.client.translator_for(interaction)
        sentence = translate("This button is from an older version. Use `/find` again.")
        await interaction.response.edit_message(content=sentence, view=None)


class Search(commands.Cog):
    """Finds posted clips."""

    def __init__(self, bot: FramehoundBot) -> None:
        self._bot = bot
        self._persons = Cooldown(at_once=10, pause=3.0)
        self._suggestions = Suggestions()

    async def cog_load(self) -> None:
        """Handle the page buttons, including those sent before a restart."""
        self._bot.add_dynamic_items(PageButton, OldPageButton)

    async def cog_unload(self) -> None:
        """Stop handling the page buttons."""
        self._bot.remove_dynamic_items(PageButton, OldPageButton)

    def check_rate(self, person_id: int) -> None:
        """Count a search or another page of one; raises ``RateLimited`` if there are too many."""
        if wait := self._persons.wait(person_id, time.monotonic()):
            raise RateLimited.of(wait)

    @app_commands.command(name="find", description="Find clips by what they show")
    @app_commands.rename(since="from", until="to")
    @app_commands.describe(
        tag="The tag the clips should have",
        channel="Only search this channel and its threads",
        person="Only find clips posted by this person",
        since="Only find clips posted on or after this day, such as 2026-11-24 (UTC)",
        until="Only find clips posted on or before this day, such as 2026-11-30 (UTC)",
        min_score=(
            "Only find clips that score above this, such as 0.9 or 90%, instead of the threshold"
        ),
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
        """Show the clips found, newest first."""
        self.check_rate(interaction.user.id)
        await interaction.response.defer(ephemeral=True, thinking=True)
        translate = await interaction.client.translator_for(interaction)
        if mistake := _mistake(translate, since, until, min_score):
            await interaction.edit_original_response(content=mistake)
            return
        concept = await self._bot.app.services.search.concept(tag, _guild_id(interaction))
        state = SearchState(
            concept.number if concept else 0,
            channel=channel.id if channel else None,
            author=person.id if person else None,
            since=parse_day(since),
            until=parse_day(until),
            min_score=parse_score(min_score),
        )
        await _show(interaction, state, concept, tag)

    @find.autocomplete("tag")
    async def suggest(
        self, interaction: discord.Interaction[FramehoundBot], typed: str
    ) -> list[app_commands.Choice[str]]:
        """Suggest tags of clips that the person can see, the most frequent first."""
        return await self._suggestions.suggest(interaction, typed)


async def _show(
    interaction: discord.Interaction[FramehoundBot],
    state: SearchState,
    concept: IndexedConcept | None,
    typed: str,
) -> None:
    """Put a page of results into the response, which only the person who asked sees."""
    translate = await interaction.client.translator_for(interaction)
    page = await _search(interaction, state, concept) if concept else None
    if page and page.results:
        content = page_text(translate, page, interaction.guild_id)
        view = _page_buttons(state, page) if page.pages > 1 else None
    else:
        content, view = await _nothing_found(interaction, translate, typed), None
    await interaction.edit_original_response(content=content, view=view)


async def _search(
    interaction: discord.Interaction[FramehoundBot], state: SearchState, concept: IndexedConcept
) -> SearchPage:
    """Run a search over the channels and threads that the person may see."""
    clip_search = interaction.client.app.services.search
    visibility = visibility_of(interaction)
    query = state.query(_guild_id(interaction), visibility)
    threads = await clip_search.private_threads(query)
    visibility = await with_private_threads(interaction, visibility, threads)
    query = replace(query, visibility=visibility)
    return await clip_search.page(query, concept.name, state.page or 0)


def _page_buttons(state: SearchState, page: SearchPage) -> discord.ui.View:
    """Return the buttons under a page. Their IDs say everything, so no view is kept."""
    view = discord.ui.View(timeout=None)
    for emoji, number in (("◀️", page.number - 1), ("▶️", page.number + 1)):
        exists = 0 <= number < page.pages
        # Discord refuses two buttons with one ID, even if one is disabled.
        target = number if exists else page.pages + 1
        custom_id = str(replace(state, page=target))
        view.add_item(discord.ui.Button(emoji=emoji, custom_id=custom_id, disabled=not exists))
    return without_timeout(view)


async def _nothing_found(
    interaction: discord.Interaction[FramehoundBot], translate: Translator, typed: str
) -> str:
    """Say that nothing was found, whether there is no such clip or only hidden ones."""
    clip_search = interaction.client.app.services.search
    guild_id, visibility = _guild_id(interaction), visibility_of(interaction)
    similar = await clip_search.suggest(typed, guild_id, visibility)
    similar = similar or await clip_search.suggest("", guild_id, visibility)
    nothing = translate(
        "I couldn't find any clips with **{tag}** here.", tag=sanitize.for_discord(typed, limit=40)
    )
    others = [tag for tag in similar if normalize(tag) != normalize(typed)][:_MAX_SIMILAR]
    if not others:
        return nothing
    tags = ", ".join(sanitize.for_discord(tag, limit=40) for tag in others)
    return f"{nothing} {translate('You could try: {tags}.', tags=tags)}"


def _mistake(
    translate: Translator, since: str | None, until: str | None, min_score: str | None
) -> str | None:
    """Return a sentence about an option that can't be read, if there is one."""
    if any(text and parse_day(text) is None for text in (since, until)):
        return translate("Write dates as year-month-day, such as 2026-11-24.")
    if min_score and parse_score(min_score) is None:
        return translate("Use a score from 0 to just below 1, such as 0.9 or 90%.")
    return None


def _guild_id(interaction: discord.Interaction[FramehoundBot]) -> int | None:
    """Return the server; None if the bot is not in it (the person brought the command along)."""
    here = interaction.client.get_guild(interaction.guild_id or 0)
    return here.id if here else None


async def setup(bot: FramehoundBot) -> None:
    """Add the cog."""
    await bot.add_cog(Search(bot))
