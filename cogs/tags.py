"""Tagging on demand: ``!tags``, ``/tags`` and the message context menu."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import discord
from discord import app_commands
from discord.ext import commands

from bot.chat.message_clips import (
    attached_clip,
    channel_facts,
    clips_in_argument,
    job_for_message,
    requested_clips,
)
from bot.chat.posters import forwarded_from
from bot.domain.cooldown import Cooldown
from bot.domain.job import MAX_CLIPS, Interaction, Job, interaction_job_id
from bot.errors import FramehoundError, OptedOut, RateLimited, TooManyClips
from bot.i18n import Sentence
from cogs.permissions import require_permissions

if TYPE_CHECKING:
    from bot.chat.client import FramehoundBot
    from bot.domain.clip import Clip

_NOTHING = Sentence(
    "I don't see a clip there. Give me a link or a file, or reply to a message that has a clip."
)


class Tags(commands.Cog):
    """Tags clips on request."""

    def __init__(self, bot: FramehoundBot) -> None:
        self._bot = bot
        self._persons = Cooldown(at_once=10, pause=6.0)
        self._guilds = Cooldown(at_once=60, pause=1.0)
        self._menu = app_commands.ContextMenu(
            name="Tag this video",
            callback=self.tag_message,
            allowed_installs=app_commands.AppInstallationType(guild=True, user=True),
            allowed_contexts=app_commands.AppCommandContext(
                guild=True, dm_channel=True, private_channel=True
            ),
        )

    async def cog_load(self) -> None:
        """Add the context menu, which can't be declared with a decorator inside a cog."""
        self._bot.tree.add_command(self._menu)

    async def cog_unload(self) -> None:
        """Remove the context menu."""
        self._bot.tree.remove_command(self._menu.name, type=self._menu.type)

    @commands.command(name="tags", aliases=["tag"])
    async def tags(self, context: commands.Context[FramehoundBot], *, link: str = "") -> None:
        """Tag the given link, the attached files, or the clips of the message replied to."""
        message = context.message
        self._check_rate(context.author.id, context.guild)
        require_permissions(message)
        clips, posted_in = self._clips_of(message), message
        if not clips and (replied := await _replied_to(message)):
            clips, posted_in = self._clips_of(replied), replied
        if not clips and link:
            clips = tuple(clips_in_argument(link))
        if clips:
            await self._check_opt_outs(clips, context.author.id, posted_in)
            await self._bot.submit(job_for_message(message, clips, requested=True))
        else:
            translate = await self._bot.translator_for(context)
            await context.reply(translate(_NOTHING), mention_author=False)

    @app_commands.command(name="tags", description="See what's in a clip, second by second")
    @app_commands.describe(url="Link to a clip", file="Clip to upload")
    @app_commands.allowed_installs(guilds=True, users=True)
    @app_commands.allowed_contexts(guilds=True, dms=True, private_channels=True)
    async def slash_tags(
        self,
        interaction: discord.Interaction[FramehoundBot],
        url: str | None = None,
        file: discord.Attachment | None = None,
    ) -> None:
        """Tag a link, a file, or both."""
        clips = clips_in_argument(url) if url else []
        clips += [attached_clip(file)] if file else []
        await self._submit(interaction, tuple(clips))

    async def tag_message(
        self, interaction: discord.Interaction[FramehoundBot], message: discord.Message
    ) -> None:
        """Tag the clips of the selected message."""
        await self._submit(interaction, self._clips_of(message), message)

    async def _submit(
        self,
        interaction: discord.Interaction[FramehoundBot],
        clips: tuple[Clip, ...],
        message: discord.Message | None = None,
    ) -> None:
        """Defer the response within Discord's three seconds, then submit a job that fills it in."""
        if not clips:
            translate = await self._bot.translator_for(interaction)
            await interaction.response.send_message(translate(_NOTHING), ephemeral=True)
            return
        if len(clips) > MAX_CLIPS:
            raise TooManyClips(count=str(len(clips)), most=str(MAX_CLIPS))
        self._check_rate(interaction.user.id, interaction.guild)
        await interaction.response.defer()
        try:
            await self._check_opt_outs(clips, interaction.user.id, message)
            await self._bot.submit(self._job_of(interaction, clips))
        except FramehoundError:
            # Otherwise the refusal would fill in the response, which everybody sees.
            await interaction.delete_original_response()
            raise

    def _check_rate(self, user_id: int, guild: discord.Guild | None) -> None:
        """Raise ``RateLimited`` if a person or a server makes too many requests at once."""
        now = time.monotonic()
        wait = self._persons.wait(user_id, now)
        if not wait and guild is not None:
            wait = self._guilds.wait(guild.id, now)
        if wait:
            raise RateLimited.of(wait)

    async def _check_opt_outs(
        self, clips: tuple[Clip, ...], requester_id: int, message: discord.Message | None
    ) -> None:
        """Raise ``OptedOut`` if a clip was posted by another person who opted out.

        The ``message`` with the clips may forward theirs.
        """
        people = {clip.author_id for clip in clips}
        if message is not None:
            people.add(await forwarded_from(self._bot, message))
        others = {person for person in people if person} - {requester_id}
        if others and await self._bot.app.stores.opt_outs.among(others):
            raise OptedOut

    def _job_of(
        self, interaction: discord.Interaction[FramehoundBot], clips: tuple[Clip, ...]
    ) -> Job:
        """Return the job; it belongs to the server only if the bot is a member there."""
        here = self._bot.get_guild(interaction.guild_id or 0)
        return Job(
            id=interaction_job_id(interaction.id),
            channel_id=interaction.channel_id or 0,
            guild_id=here.id if here else None,
            author_id=interaction.user.id,
            clips=clips,
            requested=True,
            interaction=Interaction(interaction.application_id, interaction.token),
            **channel_facts(here, interaction.channel),
        )

    def _clips_of(self, message: discord.Message) -> tuple[Clip, ...]:
        return requested_clips(message, self._bot.app.config.sites)


async def _replied_to(message: discord.Message) -> discord.Message | None:
    """Return the message that a message replies to; None if there is none to be read."""
    reference = message.reference
    if reference is None or reference.message_id is None:
        return None
    if isinstance(reference.resolved, discord.Message):
        return reference.resolved
    try:
        return await message.channel.fetch_message(reference.message_id)
    except (discord.NotFound, discord.Forbidden):
        return None


async def setup(bot: FramehoundBot) -> None:
    """Add the cog."""
    await bot.add_cog(Tags(bot))
