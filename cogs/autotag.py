"""Tagging clips as they are posted."""

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

from bot.chat.message_clips import job_for_message, posted_clips_of
from bot.chat.posters import Poster, forwarded_from, person_behind, poster_of
from bot.domain.cooldown import Cooldown
from bot.errors import PermissionMissing, TaggerBusy
from bot.storage.database import retry_storage
from cogs.permissions import require_permissions
from cogs.previews import Previews

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bot.chat.client import FramehoundBot
    from bot.domain.clip import Clip
    from bot.domain.settings import GuildSettings

# Seconds between two messages to one server that too many of its clips are waiting.
_BUSY_INTERVAL = 60.0
# Messages by webhooks and bots that are answered in a channel at once, and seconds until the next
# one: a bot that reposts whatever it sees and this bot could otherwise answer each other forever.
_WITHOUT_PEOPLE = 10, 30.0
# Seconds for submitting the last jobs while the bot stops; the database may be away.
_LAST_SECONDS = 2.0
# An edited message is checked for new clips until this long after it was posted. The queue
# remembers a message's job for longer, so that no edit is answered twice.
_EDITABLE = timedelta(days=1)


class AutoTag(commands.Cog):
    """Submits a job for each message with clips."""

    def __init__(self, bot: FramehoundBot) -> None:
        self._bot = bot
        self._log = structlog.get_logger("framehound.autotag")
        self._previews = Previews()
        self._busy_since: dict[int, float] = {}
        self._without_people = Cooldown(*_WITHOUT_PEOPLE)
        self._tasks: set[asyncio.Task[object]] = set()

    async def cog_unload(self) -> None:
        """Submit the messages that wait for previews: a restarted bot won't receive them again."""
        self._previews.release()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=_LAST_SECONDS)

    @commands.Cog.listener()
    async def on_message(self, message: discord.Message) -> None:
        """Submit a job for a message with clips."""
        await self._check(message)

    @commands.Cog.listener()
    async def on_raw_message_edit(self, event: discord.RawMessageUpdateEvent) -> None:
        """Check an edited message again: a preview came late, or its author added a link.

        A message is one job, so it is never answered twice.
        """
        if self._previews.update(event.message):
            return
        if discord.utils.utcnow() - event.message.created_at < _EDITABLE:
            await self._check(event.message)

    async def _check(self, message: discord.Message) -> None:
        poster = poster_of(message, self._bot.application_id or 0)
        if poster is Poster.OURSELVES or message.is_system() or not self._clips(message):
            return
        if poster is Poster.PERSON and (await self._bot.get_context(message)).valid:
            return
        with self._tracked():
            await self._submit_if_wanted(await self._previews.settled(message), poster)

    @contextmanager
    def _tracked(self) -> Iterator[None]:
        """Track this task while it has a message to submit, so that unloading waits for it."""
        if (task := asyncio.current_task()) is None:
            raise RuntimeError("discord.py calls listeners in tasks")
        self._tasks.add(task)
        try:
            yield
        finally:
            self._tasks.discard(task)

    async def _submit_if_wanted(self, message: discord.Message, poster: Poster) -> None:
        """Submit the job of a message whose previews have arrived."""
        clips = self._clips(message)
        if not clips or not await self._is_wanted(message, poster):
            return
        if poster is not Poster.PERSON and self._too_often(message):
            return
        await self._submit(message, clips)

    def _too_often(self, message: discord.Message) -> bool:
        """Count a message without a person; return whether its channel has had enough of them."""
        if not self._without_people.wait(message.channel.id, time.monotonic()):
            return False
        self._log.warning("clips of webhooks and bots ignored", channel=message.channel.id)
        return True

    def _clips(self, message: discord.Message) -> tuple[Clip, ...]:
        return posted_clips_of(message, self._bot.app.config.sites)

    async def _submit(self, message: discord.Message, clips: tuple[Clip, ...]) -> None:
        try:
            require_permissions(message)
            await self._bot.submit(job_for_message(message, clips, requested=False))
        except TaggerBusy as error:
            await self._reply_busy(message, error)
        except PermissionMissing as error:
            self._log.info(
                "clip ignored: permissions missing", channel=message.channel.id, reason=str(error)
            )

    async def _is_wanted(self, message: discord.Message, poster: Poster) -> bool:
        """Return whether the server's settings and the person's own choice allow tagging this."""
        if await self._is_opted_out(message):
            return False
        if message.guild is None:
            return poster is Poster.PERSON
        guild_id = message.guild.id
        settings = await retry_storage(lambda: self._bot.app.stores.settings.load(guild_id))
        if poster is Poster.BOT and (not settings.bots or _replies_to_bot(message)):
            return False
        return _is_autotagged(message, settings)

    async def _is_opted_out(self, message: discord.Message) -> bool:
        """Return whether the person who posted a clip opted out, or whose clip is forwarded."""
        posters = person_behind(message), await forwarded_from(self._bot, message)
        people = [person for person in posters if person]
        store = self._bot.app.stores.opt_outs
        return bool(people and await retry_storage(lambda: store.among(people)))

    async def _reply_busy(self, message: discord.Message, error: TaggerBusy) -> None:
        """Reply that too much is waiting, at most once a minute, so as not to flood the server."""
        owner = message.guild.id if message.guild else message.channel.id
        now = time.monotonic()
        if now - self._busy_since.get(owner, -inf) < _BUSY_INTERVAL:
            return
        self._busy_since[owner] = now
        with suppress(discord.Forbidden, discord.NotFound):
            translate = await self._bot.translator(message.guild.id if message.guild else None)
            await message.reply(error.localized(translate), mention_author=False, silent=True)


def _replies_to_bot(message: discord.Message) -> bool:
    """Return whether a message replies to one of a bot, as in a loop of two bots."""
    replied = message.reference and message.reference.resolved
    return isinstance(replied, discord.Message) and replied.author.bot


def _is_autotagged(message: discord.Message, settings: GuildSettings) -> bool:
    """Return whether a server's settings allow tagging clips in this message without a command."""
    author, channel = message.author, message.channel
    role_ids = {role.id for role in author.roles} if isinstance(author, discord.Member) else set()
    ids = (channel.id, getattr(channel, "parent_id", None), getattr(channel, "category_id", None))
    nsfw = getattr(channel, "is_nsfw", bool)()
    return settings.allows_autotag(set(filter(None, ids)), role_ids, nsfw=nsfw)


async def setup(bot: FramehoundBot) -> None:
    """Add the cog."""
    await bot.add_cog(AutoTag(bot))
