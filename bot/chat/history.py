"""Finding clips in messages that were posted before the bot came."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import discord
import structlog
from discord.http import Route

from bot.chat.message_clips import job_for_message, posted_clips_of
from bot.chat.newcomers import is_newcomer
from bot.chat.posters import Poster, forwarded_from, person_behind, poster_of
from bot.domain.index_run import FoundMessage, HistoricJob

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Collection, Iterator


# https://docs.discord.com/developers/resources/message#search-guild-messages
_SEARCH = "/guilds/{guild_id}/messages/search"
_PAGE, _CHANNELS_A_SEARCH = 25, 500
_INDEXING = 110000
# What to search for; Discord counts GIF files as images.
_SEARCHED = (("has", "video"), ("attachment_extension", "gif"))
# How often and how long, in seconds, to wait while Discord prepares a server for searching.
_PREPARATIONS, _MAX_PREPARATION = 6, 30.0
# Messages read of all channels if the search can't be used, 100 per request.
_MAX_READ = 50_000


class DiscordHistory:
    """The history of servers: Discord's search, or else the messages of each channel."""

    def __init__(self, client: discord.Client, sites: Collection[str]) -> None:
        self._client = client
        self._sites = sites
        self._log = structlog.get_logger("framehound.index")

    async def messages(
        self, guild_id: int, channel_ids: Collection[int], after: int
    ) -> AsyncIterator[FoundMessage]:
        """Yield the messages with clips in some channels, newer than a snowflake, newest first."""
        channels = sorted(channel_ids)
        try:
            seen: set[int] = set()
            for start in range(0, len(channels), _CHANNELS_A_SEARCH):
                some = channels[start : start + _CHANNELS_A_SEARCH]
                async for found in self._searched(guild_id, some, after):
                    if found.message_id not in seen:
                        seen.add(found.message_id)
                        yield found
        except (discord.HTTPException, _NotPrepared) as error:
            self._log.info("Discord's search unavailable, reading channels", reason=str(error))
            async for found in self._read(guild_id, channels, after):
                yield found

    async def job(self, guild_id: int, channel_id: int, message_id: int) -> HistoricJob | None:
        """Return the quiet job of a message; None if it is gone or has no clips any more."""
        try:
            message = await (await self._channel(guild_id, channel_id)).fetch_message(message_id)
        except (discord.NotFound, discord.Forbidden):
            return None
        clips = posted_clips_of(message, self._sites)
        if not clips:
            return None
        newcomer = is_newcomer(self._client, guild_id)
        job = job_for_message(message, clips, requested=False)
        original = await forwarded_from(self._client, message)
        people = frozenset(filter(None, (*job.people, original)))
        return HistoricJob(replace(job, quiet=True, newcomer=newcomer), people)

    async def _channel(self, guild_id: int, channel_id: int) -> discord.abc.Messageable:
        """Return a channel with what a job needs to know of it, such as a thread's parent."""
        guild = self._client.get_guild(guild_id)
        known = guild.get_channel_or_thread(channel_id) if guild else None
        channel = known or await self._client.fetch_channel(channel_id)
        if not isinstance(channel, discord.abc.Messageable):
            return self._client.get_partial_messageable(channel_id, guild_id=guild_id)
        return channel

    async def _searched(
        self, guild_id: int, channel_ids: Collection[int], after: int
    ) -> AsyncIterator[FoundMessage]:
        for wanted in _SEARCHED:
            before: int | None = None
            while page := await self._page(guild_id, channel_ids, wanted, after, before):
                for message in page:
                    if found := self._found(message):
                        yield found
                before = min(message.id for message in page)
                if len(page) < _PAGE:
                    break

    async def _page(
        self,
        guild_id: int,
        channel_ids: Collection[int],
        wanted: tuple[str, str],
        after: int,
        before: int | None,
    ) -> list[discord.Message]:
        params = [wanted, ("limit", _PAGE), ("min_id", after), ("include_nsfw", "true")]
        params += [("channel_id", channel_id) for channel_id in channel_ids]
        params += [] if before is None else [("max_id", before)]
        for _ in range(_PREPARATIONS):
            route = Route("GET", _SEARCH, guild_id=guild_id)
            answer = await self._client.http.request(route, params=params)
            if answer.get("code") != _INDEXING:
                return list(self._messages(guild_id, answer))
            await asyncio.sleep(min(answer.get("retry_after") or 1.0, _MAX_PREPARATION))
        raise _NotPrepared("Discord is still preparing this server for searching")

    def _messages(self, guild_id: int, answer: dict[str, Any]) -> Iterator[discord.Message]:
        for group in answer.get("messages", ()):
            for data in group:
                channel = self._client.get_partial_messageable(
                    int(data["channel_id"]), guild_id=guild_id
                )
                state = self._client._connection  # noqa: SLF001 - discord.py doesn't know the search
                yield discord.Message(state=state, channel=channel, data=data)

    async def _read(
        self, guild_id: int, channel_ids: Collection[int], after: int
    ) -> AsyncIterator[FoundMessage]:
        read = 0
        for channel_id in channel_ids:
            channel = self._client.get_partial_messageable(channel_id, guild_id=guild_id)
            start = discord.Object(after)
            try:
                async for message in channel.history(
                    limit=_MAX_READ - read, after=start, oldest_first=False
                ):
                    read += 1
                    if found := self._found(message):
                        yield found
            except (discord.Forbidden, discord.NotFound):
                continue

    def _found(self, message: discord.Message) -> FoundMessage | None:
        poster = poster_of(message, self._client.user.id if self._client.user else 0)
        if poster in {Poster.OURSELVES, Poster.BOT}:
            return None
        clips = posted_clips_of(message, self._sites)
        if not clips:
            return None
        return FoundMessage(
            channel_id=message.channel.id,
            message_id=message.id,
            author_id=person_behind(message),
            clips=len(clips),
            length=sum(clip.duration or 0 for clip in clips),
            unmeasured=sum(clip.duration is None for clip in clips),
        )


class _NotPrepared(Exception):
    """Discord is not ready to search a server, and won't be soon."""
