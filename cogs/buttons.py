"""The buttons under a reply: other thresholds, all tags, export, remove."""

from __future__ import annotations

import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

import discord
from discord.ext import commands

from bot.chat.buttons import PATTERN, Action, ButtonState, higher, lower, page_buttons
from bot.chat.message_clips import channel_facts, requested_clips
from bot.chat.messages import Draft, attached
from bot.chat.persistent_items import PersistentItem
from bot.chat.seen_before import visible_link
from bot.domain.cooldown import Cooldown
from bot.errors import NotAllowed, OwnerUnknown, RateLimited, StillDrawing, TaggingErased
from bot.i18n import Translator
from bot.render.exports import export_files
from bot.render.summary import TaggedClip
from bot.render.tag_list import tag_pages
from bot.services.recent_drawings import RecentDrawings
from cogs.tag_corrections import TagCorrections

if TYPE_CHECKING:
    import re
    from collections.abc import Hashable, Iterator, Mapping

    from bot.chat.client import FramehoundBot
    from bot.domain.settings import GuildSettings
    from bot.render.report import Report, ReportFile
    from bot.render.summary import ReportedClip
    from bot.render.tag_list import TagPage
    from bot.storage.job_records import JobRecord

    Press = discord.Interaction[FramehoundBot]


@dataclass(frozen=True, slots=True)
class _StoredReport:
    """A job's record, the server's settings, and the tags that it hides for single clips.

    In an ``age_restricted`` channel, more may be shown.
    """

    record: JobRecord
    settings: GuildSettings
    corrected: Mapping[str, tuple[str, ...]]
    age_restricted: bool

    def key(self, *shown: Hashable) -> Hashable:
        """Return a key for what is drawn from it: other settings or outcomes, another key."""
        stored = self.record.outcomes, self.settings, sorted(self.corrected.items())
        return (self.record.job_id, *map(repr, stored), self.age_restricted, *shown)


class ReportButtons(commands.Cog):
    """Handles presses of the buttons under replies, and the menus in the list of all tags."""

    def __init__(self, bot: FramehoundBot) -> None:
        self._bot = bot
        self._persons = Cooldown(at_once=10, pause=2.0)
        self._corrections = TagCorrections(bot)
        self._drawing: set[tuple[str, int]] = set()
        self._recent_reports: RecentDrawings[Report] = RecentDrawings(_size_of_report)
        self._recent_pages: RecentDrawings[list[TagPage]] = RecentDrawings(_size_of_pages)

    async def cog_load(self) -> None:
        """Handle the buttons, including those sent before a restart."""
        self._bot.add_dynamic_items(ReportButton)

    async def cog_unload(self) -> None:
        """Stop handling the buttons."""
        self._bot.remove_dynamic_items(ReportButton)

    async def press(self, interaction: Press, pressed: ButtonState) -> None:
        """Do what a button is for; raises ``FramehoundError`` if that is not possible."""
        wait = self._persons.wait(interaction.user.id, time.monotonic())
        if wait:
            raise RateLimited.of(wait)
        match pressed.action:
            case Action.LOWER:
                await self._show_above(interaction, pressed, lower(pressed.threshold))
            case Action.RAISE:
                await self._show_above(interaction, pressed, higher(pressed.threshold))
            case Action.ALL_TAGS | Action.HIDE | Action.SHOW:
                await self._list(interaction, pressed)
            case Action.EXPORT:
                await self._export(interaction, pressed)
            case Action.REMOVE:
                await self._remove(interaction, pressed)

    async def _show_above(
        self, interaction: Press, pressed: ButtonState, threshold: float | None
    ) -> None:
        """Show the reply with another threshold, to everybody, from the stored tagging."""
        await interaction.response.defer()
        with self._one_press(interaction, pressed):
            stored = await self._load(interaction, pressed.job_id)
            key = stored.key(threshold)
            report = await self._recent_reports.get(key, partial(self._report, stored, threshold))
        draft = Draft.of(report, pressed.job_id, Translator(stored.settings.language))
        await interaction.edit_original_response(**draft.parts(), attachments=draft.attached())

    async def _list(self, interaction: Press, pressed: ButtonState) -> None:
        """List every tag, a page at a time; only the person who pressed the button sees it."""
        turns_page = bool(interaction.message and interaction.message.flags.ephemeral)
        if turns_page:
            await interaction.response.defer()
        else:
            await interaction.response.defer(ephemeral=True, thinking=True)
        translate = await self._bot.translator_for(interaction)
        with self._one_press(interaction, pressed):
            stored = await self._load(interaction, pressed.job_id)
            if pressed.action is not Action.ALL_TAGS:
                await self._corrections.apply(interaction, pressed.action, stored.record)
                stored = await self._load(interaction, pressed.job_id)
            key = stored.key(pressed.threshold, translate.language)
            draw = partial(self._pages, stored, pressed.threshold, translate)
            pages = await self._recent_pages.get(key, draw)
        pressed = replace(pressed, page=min(pressed.page, len(pages) - 1))
        page, view = pages[pressed.page], page_buttons(pressed, len(pages), translate)
        corrected = stored.corrected
        async for menu in self._corrections.menus(
            interaction, pressed, stored.record, page, corrected, translate
        ):
            view.add_item(menu)
        await interaction.edit_original_response(content=page.text, view=view)

    async def _export(self, interaction: Press, pressed: ButtonState) -> None:
        """Send the report as files; only the person who pressed the button sees them."""
        await interaction.response.defer(ephemeral=True, thinking=True)
        translate = await self._bot.translator_for(interaction)
        with self._one_press(interaction, pressed):
            stored = await self._load(interaction, pressed.job_id)
            files = await self._export_files(stored, pressed.threshold, translate)
        await interaction.followup.send(
            translate(
                "Open the HTML page in a browser and click a bar to play the clip from there."
            ),
            files=[attached(file) for file in files],
            ephemeral=True,
        )

    async def _remove(self, interaction: Press, pressed: ButtonState) -> None:
        """Delete the reply; its poster, the person who requested it and moderators may do that."""
        moderates = interaction.guild_id is not None and interaction.permissions.manage_messages
        if not moderates:
            await self._check_owner(interaction, pressed)
        await interaction.response.defer()
        with suppress(discord.NotFound):  # somebody else deleted it just now
            await interaction.delete_original_response()
        if interaction.message:
            await self._bot.erasure.messages([interaction.message.id])

    async def _check_owner(self, interaction: Press, pressed: ButtonState) -> None:
        """Raise ``NotAllowed`` unless the reply is for the person; ask Discord if it was erased."""
        saved = await self._record(interaction, pressed.job_id)
        people = set(saved.people) if saved else set()
        if saved is None and interaction.message:
            people = await _reply_owners(self._bot, interaction.message)
            if not people:
                raise OwnerUnknown
        if interaction.user.id not in people:
            raise NotAllowed

    @contextmanager
    def _one_press(self, interaction: Press, pressed: ButtonState) -> Iterator[None]:
        """Draw for one press of a person under a report at a time; raises ``StillDrawing``."""
        press = pressed.job_id, interaction.user.id
        if press in self._drawing:
            raise StillDrawing
        self._drawing.add(press)
        try:
            yield
        finally:
            self._drawing.discard(press)

    async def _clips(self, stored: _StoredReport, threshold: float | None) -> list[ReportedClip]:
        reports = self._bot.app.services.reports
        return await reports.clips(
            stored.record.outcomes,
            stored.settings,
            threshold,
            age_restricted=stored.age_restricted,
        )

    async def _report(self, stored: _StoredReport, threshold: float | None) -> Report:
        services, record = self._bot.app.services, stored.record
        choose = partial(visible_link, self._bot, record.channel_id)
        clips = await services.copies.with_links(
            await self._clips(stored, threshold),
            stored.settings,
            min(record.message_ids, default=0),
            choose,
        )
        return await services.reports.report(clips, stored.settings)

    async def _pages(
        self, stored: _StoredReport, threshold: float | None, translate: Translator
    ) -> list[TagPage]:
        clips, reports = await self._clips(stored, threshold), self._bot.app.services.reports
        return await reports.draw(stored.settings, tag_pages, clips, translate)

    async def _export_files(
        self, stored: _StoredReport, threshold: float | None, translate: Translator
    ) -> list[ReportFile]:
        clips, reports = await self._clips(stored, threshold), self._bot.app.services.reports
        tagged = [clip for clip in clips if isinstance(clip, TaggedClip)]
        if not tagged:
            raise TaggingErased
        links = await self._sources(stored.record)
        return await reports.draw(
            stored.settings, export_files, tagged, links, stored.settings, translate
        )

    async def _record(self, interaction: Press, job_id: str) -> JobRecord | None:
        """Return the record of a job if the button that was pressed is on its reply."""
        record = await self._bot.app.stores.job_records.find(job_id)
        return record if record and _is_on_reply(interaction, record) else None

    async def _load(self, interaction: Press, job_id: str) -> _StoredReport:
        """Load what is stored about a job; raises ``TaggingErased`` if it was erased."""
        record = await self._record(interaction, job_id)
        if record is None or not record.outcomes:
            raise TaggingErased
        reports = self._bot.app.services.reports
        settings = await reports.settings(record.guild_id)
        corrected = await reports.corrected(record.outcomes, settings)
        facts = channel_facts(interaction.guild, interaction.channel)
        return _StoredReport(record, settings, corrected, facts["age_restricted"])

    async def _sources(self, record: JobRecord) -> dict[str, str]:
        """Return the clips' links by name, fetched from Discord, which signs them anew."""
        channel = self._bot.get_partial_messageable(record.channel_id, guild_id=record.guild_id)
        links: dict[str, str] = {}
        for message_id in record.message_ids:
            try:
                message = await channel.fetch_message(message_id)
            except (discord.NotFound, discord.Forbidden):
                continue
            links |= {clip.name: clip.location for clip in requested_clips(message)}
        return links


def _size_of_report(report: Report) -> int:
    return len(report.content) + sum(len(file.content) for file in report.files)


def _size_of_pages(pages: list[TagPage]) -> int:
    return sum(len(page.text) + sum(map(len, page.tags)) for page in pages)


class ReportButton(PersistentItem, template=PATTERN):
    """A button under a reply, or a menu; its ID holds all that is needed to handle it."""

    async def pressed(self, interaction: Press, match: re.Match[str]) -> None:
        """Handle the press."""
        cog = interaction.client.get_cog(ReportButtons.__name__)
        if isinstance(cog, ReportButtons):
            await cog.press(interaction, ButtonState.read(match))


def _is_on_reply(interaction: Press, record: JobRecord) -> bool:
    """Return whether a press was on a job's reply, or on the list of its tags that only one sees.

    The button's ID names the job, but only its own message may show what its clips contain.
    """
    message, reply, here = interaction.message, record.reply, interaction.channel_id
    if message is None:
        return False
    if reply is None:  # it couldn't be recorded; a thread has the ID of its message
        return here in {record.channel_id, *record.message_ids}
    if here == reply.channel_id and message.flags.ephemeral:
        origin = getattr(message.interaction_metadata, "interacted_message_id", None)
        return origin in {None, reply.message_id}
    return (here, message.id) == (reply.channel_id, reply.message_id)


async def _reply_owners(bot: FramehoundBot, reply: discord.Message) -> set[int]:
    """Return the people who posted or requested a reply's clips, read from Discord.

    Used once our record of the reply was erased. Empty if the messages are gone or unreadable.
    """
    by_command = reply.interaction_metadata
    if by_command is not None:
        target = getattr(by_command, "target_message_id", None)
        posted = await _authors(bot, reply.channel.id, target)
        return {by_command.user.id} | posted
    if reply.reference is not None:
        return await _authors(bot, reply.reference.channel_id, reply.reference.message_id)
    if isinstance(reply.channel, discord.Thread):
        # A thread that was opened at a message has the ID of that message.
        return await _authors(bot, reply.channel.parent_id, reply.channel.id)
    return set()


async def _authors(bot: FramehoundBot, channel_id: int | None, message_id: int | None) -> set[int]:
    """Return the author of a message, and of the message it replies to."""
    if channel_id is None or message_id is None:
        return set()
    channel = bot.get_partial_messageable(channel_id)
    authors: set[int] = set()
    with suppress(discord.NotFound, discord.Forbidden):
        message = await channel.fetch_message(message_id)
        authors.add(message.author.id)
        if message.reference is not None and message.reference.message_id is not None:
            authors.add((await channel.fetch_message(message.reference.message_id)).author.id)
    return authors


async def setup(bot: FramehoundBot) -> None:
    """Add the cog."""
    await bot.add_cog(ReportButtons(bot))
