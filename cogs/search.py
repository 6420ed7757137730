"""``/find``: searches posted clips by words; only the person who asks sees the results."""

from __future__ import annotations

import io
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Literal

import discord
from discord import app_commands
from discord.ext import commands

from bot.chat.buttons import without_timeout
from bot.chat.persistent_items import PersistentItem
from bot.domain.cooldown import Cooldown
from bot.domain.query import MAX_QUERY_LENGTH, ResolvedQuery
from bot.domain.search import MAX_NAME_LENGTH, normalize
from bot.domain.search_request import SearchRequest, parse_day, parse_score
from bot.errors import RateLimited, UnclearSearch
from bot.render import sanitize
from bot.render.search_results import page_heading, page_lines
from cogs.search_names import channel_id, person_id
from cogs.search_state import OLD_TEMPLATE, TEMPLATE, PageOfSearch
from cogs.suggestions import Suggestions
from cogs.visibility import visibility_of, with_private_threads

if TYPE_CHECKING:
    import re

    from bot.chat.client import FramehoundBot
    from bot.domain.search_results import SearchPage
    from bot.i18n import Translator

_MAX_SIMILAR = 5


class PageButton(PersistentItem, template=TEMPLATE):
    """A button that leads to another page of a stored search."""

    async def pressed(
        self, interaction: discord.Interaction[FramehoundBot], match: re.Match[str]
    ) -> None:
        """Show the page in place of the current one."""
        cog = interaction.client.get_cog(Search.__name__)
        if not isinstance(cog, Search):
            return
        target = PageOfSearch.read(match)
        cog.check_rate(interaction.user.id)
        await interaction.response.defer()
        searches = interaction.client.app.stores.recent_searches
        request = await searches.find(target.search, interaction.user.id)
        if request is None:
            await _refuse_old_button(interaction)
        else:
            await _show(interaction, request, target)


class OldPageButton(PersistentItem, template=OLD_TEMPLATE):
    """A page button of an earlier version, whose search can't be read any more."""

    async def pressed(
        self, interaction: discord.Interaction[FramehoundBot], match: re.Match[str]
    ) -> None:
        """Tell the person to search again."""
        del match
        await interaction.response.defer()
        await _refuse_old_button(interaction)


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

    @app_commands.command(name="find", description="Find clips by what is in them")
    @app_commands.rename(since="from", until="to")
    @app_commands.describe(
        query='Words, "exact text", -without, or; text:, game:, by:, in:, after:, before:',
        tag="A tag the clips should have",
        channel="Only search this channel and its threads",
        person="Only find clips posted by this person",
        since="Only find clips posted on or after this day, such as 2026-11-24 (UTC)",
        until="Only find clips posted on or before this day, such as 2026-11-30 (UTC)",
        min_score=(
            "Only find clips that score above this, such as 0.9 or 90%, instead of the threshold"
        ),
        sort="What to show first; with several words, the best unless you choose",
    )
    @app_commands.choices(
        sort=[
            app_commands.Choice(name="Newest", value="newest"),
            app_commands.Choice(name="Best", value="best"),
        ]
    )
    async def find(  # noqa: PLR0913, PLR0917 - a command's options are its arguments
        self,
        interaction: discord.Interaction[FramehoundBot],
        query: app_commands.Range[str, 1, MAX_QUERY_LENGTH] | None = None,
        tag: app_commands.Range[str, 1, MAX_NAME_LENGTH] | None = None,
        channel: app_commands.AppCommandChannel | app_commands.AppCommandThread | None = None,
        person: discord.User | None = None,
        since: str | None = None,
        until: str | None = None,
        min_score: str | None = None,
        sort: Literal["newest", "best"] | None = None,
    ) -> None:
        """Show the clips found."""
        self.check_rate(interaction.user.id)
        await interaction.response.defer(ephemeral=True, thinking=True)
        _check(since, until, min_score)
        request = SearchRequest(
            query or "",
            tag,
            channel=channel.id if channel else None,
            author=person.id if person else None,
            since=parse_day(since),
            until=parse_day(until),
            min_score=parse_score(min_score),
            order=sort,
        )
        searches = self._bot.app.stores.recent_searches
        number = await searches.save(interaction.user.id, _guild_id(interaction), request)
        await _show(interaction, request, PageOfSearch(number, 0))

    @find.autocomplete("tag")
    async def suggest_tags(
        self, interaction: discord.Interaction[FramehoundBot], typed: str
    ) -> list[app_commands.Choice[str]]:
        """Suggest tags of clips that the person can see, the most frequent first."""
        return await self._suggestions.suggest(interaction, typed)

    @find.autocomplete("query")
    async def suggest_queries(
        self, interaction: discord.Interaction[FramehoundBot], typed: str
    ) -> list[app_commands.Choice[str]]:
        """Suggest own recent searches, and tags and texts of clips that the person can see."""
        return await self._suggestions.suggest(interaction, typed, queries=True)


async def _show(
    interaction: discord.Interaction[FramehoundBot], request: SearchRequest, target: PageOfSearch
) -> None:
    """Put a page of results into the response, which only the person who asked sees."""
    translate = await interaction.client.translator_for(interaction)
    page = await _search(interaction, request, target.page)
    if not page.results:
        content = await _nothing_found(interaction, translate, request)
        await interaction.edit_original_response(
            content=content, embeds=[], attachments=[], view=None
        )
        return
    lines = page_lines(translate, page, interaction.guild_id)
    content, embeds, files = _with_stills(page, page_heading(translate, page), lines)
    view = _page_buttons(target, page) if page.pages > 1 else None
    await interaction.edit_original_response(
        content=content, embeds=embeds, attachments=files, view=view
    )


async def _search(
    interaction: discord.Interaction[FramehoundBot], request: SearchRequest, number: int
) -> SearchPage:
    """Run a search over the channels and threads that the person may see."""
    clip_search = interaction.client.app.services.search
    query, guild = request.parsed(), interaction.client.get_guild(interaction.guild_id or 0)
    visibility = visibility_of(interaction)
    if query.unreadable:
        raise UnclearSearch(part="date")
    author = await person_id(query.author, guild) if query.author else request.author
    channel = channel_id(query.channel, guild, visibility) if query.channel else request.channel
    if not (query.clauses or author or channel or query.since or query.until):
        raise UnclearSearch
    filters = ResolvedQuery(
        (),
        guild_id=_guild_id(interaction),
        channel_id=channel,
        author_id=author,
        min_score=request.min_score,
        visibility=visibility,
    )
    search = await clip_search.prepare(query, filters)
    threads = await clip_search.private_threads(search)
    visibility = await with_private_threads(interaction, visibility, threads)
    order = request.order_of(query)
    return await clip_search.page(search.seen_by(visibility), request.text, order, number)


def _with_stills(
    page: SearchPage, heading: str, lines: list[str]
) -> tuple[str, list[discord.Embed], list[discord.File]]:
    """Return the message of a page: one text, or an embed for each result if some have a still."""
    if not any(result.still for result in page.results):
        return "\n".join([heading, *lines]), [], []
    embeds, files = [], []
    for number, (result, line) in enumerate(zip(page.results, lines, strict=True)):
        embed = discord.Embed(description=line)
        if result.still:
            name = f"still-{number}.jpg"
            embed.set_thumbnail(url=f"attachment://{name}")
            files.append(discord.File(io.BytesIO(result.still.jpeg), name))
        embeds.append(embed)
    return heading, embeds, files


def _page_buttons(target: PageOfSearch, page: SearchPage) -> discord.ui.View:
    """Return the buttons under a page. The search is stored, so no view is kept."""
    view = discord.ui.View(timeout=None)
    for emoji, number in (("◀️", page.number - 1), ("▶️", page.number + 1)):
        exists = 0 <= number < page.pages
        # Discord refuses two buttons with one ID, even if one is disabled.
        leads_to = replace(target, page=number if exists else page.pages + 1)
        custom_id = str(leads_to)
        view.add_item(discord.ui.Button(emoji=emoji, custom_id=custom_id, disabled=not exists))
    return without_timeout(view)


async def _nothing_found(
    interaction: discord.Interaction[FramehoundBot], translate: Translator, request: SearchRequest
) -> str:
    """Say that nothing was found, whether there is no such clip or only hidden ones."""
    typed = request.text
    if not typed:
        return translate("I couldn't find any clips.")
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


async def _refuse_old_button(interaction: discord.Interaction[FramehoundBot]) -> None:
    translate = await interaction.client.translator_for(interaction)
    sentence = translate("This button is from an older search. Use `/find` again.")
    await interaction.edit_original_response(content=sentence, embeds=[], attachments=[], view=None)


def _check(since: str | None, until: str | None, min_score: str | None) -> None:
    """Check the options that are text; raises ``UnclearSearch``."""
    if any(text and parse_day(text) is None for text in (since, until)):
        raise UnclearSearch(part="date")
    if min_score and parse_score(min_score) is None:
        raise UnclearSearch(part="score")


def _guild_id(interaction: discord.Interaction[FramehoundBot]) -> int | None:
    """Return the server; None if the bot is not in it (the person brought the command along)."""
    here = interaction.client.get_guild(interaction.guild_id or 0)
    return here.id if here else None


async def setup(bot: FramehoundBot) -> None:
    """Add the cog."""
    await bot.add_cog(Search(bot))
