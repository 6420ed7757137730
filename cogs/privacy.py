"""What is kept of people, and how it goes away."""

from __future__ import annotations

from typing import TYPE_CHECKING

from discord.ext import commands

from bot.chat.messages import Messages

if TYPE_CHECKING:
    from collections.abc import Collection

    import discord

    from bot.chat.client import FramehoundBot


class Privacy(commands.Cog):
    """Tells people what is kept, and forgets."""

    def __init__(self, bot: FramehoundBot) -> None:
        self._bot = bot

    @commands.hybrid_group(  # type: ignore[arg-type]  # mypy infers none of its type variables
        name="privacy", fallback="show", description="What I keep of your clips"
    )
    async def privacy(self, context: commands.Context[FramehoundBot]) -> None:
        """Say what is kept of the one who asks."""
        app, user = self._bot.app, context.author.id
        translate = await self._bot.translator_for(context)
        lines = [
            translate(
                "Of a clip I keep where, when and by whom it was posted, what it is called and "
                "what I saw in it, with small pictures; never the clip itself or its link. Of "
                "yours I know {count}. It goes after {days} days, with the message, or with "
                "`/privacy forget`; with `/privacy optout` I leave your clips alone.",
                count=await app.stores.posted_clips.count(user),
                days=app.config.retention_days,
            )
        ]
        if await app.stores.opt_outs.among([user]):
            lines.append(
                translate(
                    "You have opted out: I leave your clips alone. `/privacy optin` undoes that."
                )
            )
        await _answer(context, "\n".join(lines))

    @privacy.command(  # type: ignore[arg-type]  # mypy infers none of its type variables
        name="optout", description="Have me leave your clips alone"
    )
    async def opt_out(self, context: commands.Context[FramehoundBot]) -> None:
        """Leave a person's clips alone from now on."""
        await self._bot.app.stores.opt_outs.add(context.author.id)
        translate = await self._bot.translator_for(context)
        await _answer(context, translate("From now on I leave your clips alone."))

    @privacy.command(  # type: ignore[arg-type]  # mypy infers none of its type variables
        name="optin", description="Have me look at your clips again"
    )
    async def opt_in(self, context: commands.Context[FramehoundBot]) -> None:
        """Look at a person's clips again."""
        await self._bot.app.stores.opt_outs.remove(context.author.id)
        translate = await self._bot.translator_for(context)
        await _answer(context, translate("From now on I look at your clips again."))

    @privacy.command(  # type: ignore[arg-type]  # mypy infers none of its type variables
        name="forget", description="Have me forget the clips you posted so far"
    )
    async def forget(self, context: commands.Context[FramehoundBot]) -> None:
        """Remove what is known of a person's clips."""
        count = await self._bot.erasure.person(context.author.id)
        translate = await self._bot.translator_for(context)
        if count == 1:
            sentence = translate("I have forgotten the clips in one message of yours.")
        else:
            sentence = translate(
                "I have forgotten the clips in {count} messages of yours.", count=count
            )
        await _answer(context, sentence)

    @commands.Cog.listener()
    async def on_raw_message_delete(self, payload: discord.RawMessageDeleteEvent) -> None:
        """Forget a deleted message."""
        await self._forget([payload.message_id])

    @commands.Cog.listener()
    async def on_raw_bulk_message_delete(self, payload: discord.RawBulkMessageDeleteEvent) -> None:
        """Forget messages deleted together."""
        await self._forget(payload.message_ids)

    async def _forget(self, message_ids: Collection[int]) -> None:
        """Forget messages, and delete the replies they were given."""
        for reply in await self._bot.erasure.messages(message_ids):
            await Messages(self._bot).withdraw(reply)

    @commands.Cog.listener()
    async def on_guild_channel_delete(self, channel: discord.abc.GuildChannel) -> None:
        """Forget a deleted channel."""
        await self._bot.erasure.channel(channel.id)

    @commands.Cog.listener()
    async def on_raw_thread_delete(self, payload: discord.RawThreadDeleteEvent) -> None:
        """Forget a deleted thread."""
        await self._bot.erasure.channel(payload.thread_id)

    @commands.Cog.listener()
    async def on_guild_remove(self, guild: discord.Guild) -> None:
        """Forget a server that removed the bot."""
        await self._bot.erasure.guild(guild.id)


async def _answer(context: commands.Context[FramehoundBot], sentence: str) -> None:
    """Answer for the asker's eyes alone where Discord allows it."""
    await context.reply(sentence, mention_author=False, ephemeral=True)


async def setup(bot: FramehoundBot) -> None:
    """Add the cog."""
    await bot.add_cog(Privacy(bot))
