"""Noticing clips as they are posted."""

from __future__ import annotations

import asyncio
import time
from contextlib import contextmanager, suppress
from datetime import timedelta
from math import inf
from typing import TYPE_CHECKING

import discord
import structlog
from discord.ext import commands

from bot.errors import PermissionMissing, TaggerBusy
from bot.storage.database import retry_storage
from cogs.channels import is_noticed
from cogs.message_clips import job_for_message, posted_clips_of
from cogs.permissions import require_permissions
from cogs.previews import Previews

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bot.chat.client import FramehoundBot
    from bot.domain.clip import Clip

# Seconds between two notices to one server that it has too many clips waiting.
_SILENCE = 60.0
# What is handed in as the bot stops has so many seconds: the database may be away.
_LAST_SECONDS = 2.0
# How long after it was posted a message is looked at again. Well within the days for which the
# queue knows a message's job, so that no edit is answered twice.
_CHANGEABLE = timedelta(days=1)


class AutoTag(commands.Cog):
    """Turns a message with clips into a job."""

    def __init__(self, bot: FramehoundBot) -> None:
        self._bot = bot
        self._log = structlog.get_logger("framehound.autotag")
        self._previews = Previews()
        self._said_busy: dict[int, float] = {}
        self._under_way: set[asyncio.Task[object]] = set()

    async def cog_unload(self) -> None:
        """Hand in what waits for its previews: the next start would not hear of it."""
        self._previews.let_go()
        if self._under_way:
            await asyncio.wait(self._under_way, timeout=_LAST_SECONDS)

    @commands.Cog.listener()
    async def on_message(self, message: discord.Message) -> None:
        """Submit a job for a person's message with clips; everything else costs nothing."""
        await self._notice(message)

    @commands.Cog.listener()
    async def on_raw_message_edit(self, event: discord.RawMessageUpdateEvent) -> None:
        """Look again at what was changed: a preview came late, or its author added a link.

        A message is one job, so one that was answered is not answered anew.
        """
        if self._previews.takes(event.message):
            return
        if discord.utils.utcnow() - event.message.created_at < _CHANGEABLE:
            await self._notice(event.message)

    async def _notice(self, message: discord.Message) -> None:
        if message.author.bot or message.webhook_id or message.is_system():
            return
        if not self._clips(message) or (await self._bot.get_context(message)).valid:
            return
        with self._noted():
            await self._hand_in(await self._previews.settled(message))

    @contextmanager
    def _noted(self) -> Iterator[None]:
        """Note that this task has a message in its hands."""
        if (task := asyncio.current_task()) is None:
            raise RuntimeError("discord.py calls listeners in tasks")
        self._under_way.add(task)
        try:
            yield
        finally:
            self._under_way.discard(task)

    async def _hand_in(self, message: discord.Message) -> None:
        """Make a job of a message's clips, all of which are known by now."""
        clips = self._clips(message)
        if clips and await self._is_wanted(message):
            await self._submit(message, clips)

    def _clips(self, message: discord.Message) -> tuple[Clip, ...]:
        return posted_clips_of(message, self._bot.app.config.sites)

    async def _submit(self, message: discord.Message, clips: tuple[Clip, ...]) -> None:
        try:
            require_permissions(message)
            await self._bot.jobs.submit(job_for_message(message, clips, requested=False))
        except TaggerBusy as error:
            await self._say_busy(message, error)
        except PermissionMissing as error:
            self._log.info("clip not answered", channel=message.channel.id, reason=str(error))

    async def _is_wanted(self, message: discord.Message) -> bool:
        """Tell whether its author and the server want clips answered there, and this person's."""
        if await retry_storage(lambda: self._bot.app.stores.opt_outs.among([message.author.id])):
            return False
        if message.guild is None:
            return True
        guild_id = message.guild.id
        return is_noticed(
            message, await retry_storage(lambda: self._bot.app.stores.settings.load(guild_id))
        )

    async def _say_busy(self, message: discord.Message, error: TaggerBusy) -> None:
        """Say it once in a while: whoever floods a server would have us flood it too."""
        owner = message.guild.id if message.guild else message.channel.id
        now = time.monotonic()
        if now - self._said_busy.get(owner, -inf) < _SILENCE:
            return
        self._said_busy[owner] = now
        with suppress(discord.Forbidden, discord.NotFound):
            translate = await self._bot.translator(message.guild.id if message.guild else None)
            await message.reply(error.localized(translate), mention_author=False, silent=True)


async def setup(bot: FramehoundBot) -> None:
    """Add the cog."""
    await bot.add_cog(AutoTag(bot))
