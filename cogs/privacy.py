"""``/privacy``, and erasing data when messages, channels or servers are deleted."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import structlog
from discord.ext import commands

from bot.chat.left_guilds import LeftGuilds
from bot.chat.message_clips import requested_clips
from bot.chat.posters import Poster, poster_of
from bot.domain.cooldown import Cooldown
from bot.errors import RateLimited
from bot.storage.database import StorageUnavailable

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    import discord

    from bot.chat.client import FramehoundBot
    from bot.i18n import Translator


class Privacy(commands.Cog):
    """Tells people what is stored about them, and erases it."""

    def __init__(self, bot: FramehoundBot) -> None:
        self._bot = bot
        self._log = structlog.get_logger("framehound.erasure")
        self._forgets = Cooldown(at_once=3, pause=60.0)

    @commands.hybrid_group(  # type: ignore[arg-type]  # mypy infers none of its type variables
        name="privacy", fallback="show", description="See what I store about your clips"
    )
    async def privacy(self, context: commands.Context[FramehoundBot]) -> None:
        """Show what is stored about the person who asks."""
        app, user = self._bot.app, context.author.id
        translate = await self._bot.translator_for(context)
        lines = [
            translate(
                "For each clip, I store who posted it, where and when, its name, and what I saw "
                "and read in it, including small pictures. For each command, I store who used it "
                "and where. I don't keep the clip itself, and I delete its link within three days "
                "of replying."
            ),
            _remembered(translate, await app.stores.job_records.count(user)),
            translate(
                "I forget them when you delete the message, when you use `/privacy forget`, or "
                "after {days} days at the latest. If someone else posted the same clip, I still "
                "know what's in it, but not that you posted it. To make me leave your clips alone, "
                "use `/privacy optout`.",
                days=app.config.retention_days,
            ),
        ]
        if await app.stores.saved_queries.of_person(user):
            lines.append(
                translate(
                    "I also store your alerts, which `/notify list` shows, with your language and "
                    "your quiet hours."
                )
            )
        if await app.stores.opt_outs.among([user]):
            lines.append(
                translate(
                    "You've opted out, so I leave your clips alone. Use `/privacy "
                    "optin` to opt back in."
                )
            )
        await _answer(context, "\n".join(lines))

    @privacy.command(  # type: ignore[arg-type]  # mypy infers none of its type variables
        name="optout", description="Opt out: I'll leave your clips alone, whoever asks"
    )
    async def opt_out(self, context: commands.Context[FramehoundBot]) -> None:
        """Stop tagging the person's clips."""
        await self._bot.app.stores.opt_outs.add(context.author.id)
        translate = await self._bot.translator_for(context)
        await _answer(
            context,
            translate(
                "Done. I'll leave your clips alone from now on, even if someone else asks "
                "about them."
            ),
        )

    @privacy.command(  # type: ignore[arg-type]  # mypy infers none of its type variables
        name="optin", description="Opt back in: I'll look at your clips again"
    )
    async def opt_in(self, context: commands.Context[FramehoundBot]) -> None:
        """Tag the person's clips again."""
        await self._bot.app.stores.opt_outs.remove(context.author.id)
        translate = await self._bot.translator_for(context)
        await _answer(
            context, translate("Welcome back! I'll look at your clips again from now on.")
        )

    @privacy.command(  # type: ignore[arg-type]  # mypy infers none of its type variables
        name="forget",
        description="Make me forget your clips and commands, and delete my replies to them",
    )
    async def forget(self, context: commands.Context[FramehoundBot]) -> None:
        """Erase what is stored about the person, and delete the replies to them."""
        if wait := self._forgets.wait(context.author.id, time.monotonic()):
            raise RateLimited.of(wait)
        await context.defer(ephemeral=True)
        asked = context.interaction or context.message
        count = await self._bot.erase_person(context.author.id, until=asked.id)
        await _answer(context, _forgotten(await self._bot.translator_for(context), count))

    @commands.Cog.listener()
    async def on_ready(self) -> None:
        """Erase servers that removed the bot while it was offline."""
        await LeftGuilds(self._bot).erase()

    @commands.Cog.listener()
    async def on_raw_message_delete(self, payload: discord.RawMessageDeleteEvent) -> None:
        """Erase a deleted message."""
        await self._persist(lambda: self._bot.erase_messages([payload.message_id]))

    @commands.Cog.listener()
    async def on_raw_bulk_message_delete(self, payload: discord.RawBulkMessageDeleteEvent) -> None:
        """Erase messages that were deleted together."""
        await self._persist(lambda: self._bot.erase_messages(payload.message_ids))

    @commands.Cog.listener()
    async def on_raw_message_edit(self, payload: discord.RawMessageUpdateEvent) -> None:
        """Erase a message whose clips were removed by an edit."""
        if self._has_lost_clips(payload.message):
            await self._persist(lambda: self._bot.erase_removed_clips(payload.message_id))

    @commands.Cog.listener()
    async def on_guild_channel_delete(self, channel: discord.abc.GuildChannel) -> None:
        """Erase a deleted channel."""
        await self._persist(lambda: self._bot.erase_channel(channel.id))

    @commands.Cog.listener()
    async def on_raw_thread_delete(self, payload: discord.RawThreadDeleteEvent) -> None:
        """Erase a deleted thread."""
        await self._persist(lambda: self._bot.erase_channel(payload.thread_id))

    @commands.Cog.listener()
    async def on_guild_remove(self, guild: discord.Guild) -> None:
        """Erase a server that removed the bot."""
        await self._persist(lambda: self._bot.erase_guild(guild.id))

    def _has_lost_clips(self, message: discord.Message) -> bool:
        """Return whether an edited message has no clips, although it may have had some.

        Without the intent, every message looks empty. Bots edit theirs all the time.
        """
        poster = poster_of(message, self._bot.application_id or 0)
        if not self._bot.intents.message_content or poster in {Poster.OURSELVES, Poster.BOT}:
            return False
        return not requested_clips(message)

    async def _persist(self, erase: Callable[[], Awaitable[None]]) -> None:
        """Erase, however long the database is away: Discord tells of a deletion only once."""
        while True:
            try:
                await erase()
            except StorageUnavailable as error:
                self._log.warning("erasure postponed: the database is away", detail=error.detail)
            else:
                return


def _remembered(translate: Translator, count: int) -> str:
    if count == 0:
        return translate("Right now, I don't remember any of your clips or commands.")
    if count == 1:
        return translate("Right now, I remember one of your messages or commands.")
    return translate("Right now, I remember {count} of your messages and commands.", count=count)


def _forgotten(translate: Translator, count: int) -> str:
    if count == 0:
        return translate(
            "I don't remember any of your clips or commands, so there's nothing to forget."
        )
    if count == 1:
        return translate(
            "Done. I've forgotten one of your messages or commands, and I'm deleting my reply to "
            "it, if there is one."
        )
    return translate(
        "Done. I've forgotten {count} of your messages and commands, and I'm deleting my replies "
        "to them. That can take a while.",
        count=count,
    )


async def _answer(context: commands.Context[FramehoundBot], sentence: str) -> None:
    """Reply so that only the person who asked sees it, if Discord allows that."""
    await context.reply(sentence, mention_author=False, ephemeral=True)


async def setup(bot: FramehoundBot) -> None:
    """Add the cog."""
    await bot.add_cog(Privacy(bot))
