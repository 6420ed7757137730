"""What the bot says of itself: help, what it is, and a word when it comes to a server."""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta
from importlib.metadata import version
from typing import TYPE_CHECKING

import discord
from discord import app_commands
from discord.ext import commands

from bot.i18n import Translator, supported_language
from bot.render import formatting
from cogs.permissions import missing_anywhere

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bot.chat.client import FramehoundBot
    from bot.domain.settings import GuildSettings

# Discord tells of a server anew when an outage is over; what was joined long ago was greeted then.
_JUST_NOW = timedelta(hours=1)


class About(commands.Cog):
    """Tells people what the bot does and how to use it."""

    def __init__(self, bot: FramehoundBot) -> None:
        self._bot = bot
        self._greeted: set[int] = set()

    @app_commands.command(name="help", description="What I do, and how to use me")
    @app_commands.allowed_installs(guilds=True, users=True)
    @app_commands.allowed_contexts(guilds=True, dms=True, private_channels=True)
    async def help(self, interaction: discord.Interaction[FramehoundBot]) -> None:
        """Say it shortly, to the one who asks."""
        translate = await self._bot.translator_for(interaction)
        settings = await self._bot.app.services.reports.settings(interaction.guild_id)
        lines = [
            *self._ways(translate, posted=settings.autotag),
            translate("`/find` searches the clips posted in this server by what they show."),
            translate("Who manages the server sets everything with `/settings show`."),
            translate("`/about` says what I am, `/privacy show` what I keep of your clips."),
        ]
        await interaction.response.send_message("\n".join(lines), ephemeral=True)

    @app_commands.command(name="about", description="My version, what looks at clips, and limits")
    @app_commands.allowed_installs(guilds=True, users=True)
    @app_commands.allowed_contexts(guilds=True, dms=True, private_channels=True)
    async def about(self, interaction: discord.Interaction[FramehoundBot]) -> None:
        """Say what answers here."""
        translate = await self._bot.translator_for(interaction)
        threshold = await self._bot.app.services.reports.threshold(None)
        lines = "\n".join(self._facts(translate, threshold))
        await interaction.response.send_message(lines, ephemeral=True)

    @commands.Cog.listener()
    async def on_guild_join(self, guild: discord.Guild) -> None:
        """Greet a server once: in its system channel, else the first I may write in."""
        joined = guild.me.joined_at
        long_ago = joined is None or discord.utils.utcnow() - joined > _JUST_NOW
        # After a lost connection Discord may tell the same once more.
        if long_ago or guild.id in self._greeted:
            return
        self._greeted.add(guild.id)
        channel = next(_writable(guild), None)
        if channel is None:
            return
        translate = await self._settle(guild)
        settings = await self._bot.app.stores.settings.load(guild.id)
        lines = [
            *self._ways(translate),
            *self._needs(translate, channel, settings),
            *_ways_out(translate),
        ]
        with suppress(discord.Forbidden, discord.NotFound):
            await channel.send("\n".join(lines), silent=True)

    async def _settle(self, guild: discord.Guild) -> Translator:
        """Speak a server's own language from the start, where that is one of ours."""
        language = supported_language(guild.preferred_locale.value) or "en"
        if language != "en":
            await self._bot.app.stores.settings.update(guild.id, language=language)
        return Translator(language)

    @commands.Cog.listener()
    async def on_guild_remove(self, guild: discord.Guild) -> None:
        """Greet again who comes back."""
        self._greeted.discard(guild.id)

    def _ways(self, translate: Translator, *, posted: bool = True) -> Iterator[str]:
        """Say what I do, and the ways to have it done; ``posted`` where clips are noticed."""
        prefix = self._bot.app.config.command_prefix
        yield translate("I say, second by second, what is in the clips people post:")
        if self._bot.intents.message_content:
            if posted:
                yield "- " + translate("post a clip, or a link to one, and I answer;")
            yield "- " + translate(
                "use `/tags` or `{prefix}tags` with a link or a file, or as a reply to a message;",
                prefix=prefix,
            )
        else:
            yield "- " + translate("use `/tags` with a link or a file;")
        yield "- " + translate("right-click a message, then Apps, *Tag this video*.")

    def _needs(
        self, translate: Translator, channel: discord.TextChannel, settings: GuildSettings
    ) -> Iterator[str]:
        """Say what is missing for all of it to work, if anything is."""
        if not self._bot.intents.message_content:
            yield translate(
                "I don't see the clips people post: the one who runs me has not switched on the "
                "message content intent."
            )
        for _channel_id, missing in missing_anywhere([channel], channel.guild.me, settings):
            permissions = ", ".join(map(translate, missing))
            yield translate("What I still need here: {permissions}.", permissions=permissions)

    def _facts(self, translate: Translator, threshold: float) -> Iterator[str]:
        app = self._bot.app
        tagger, config = app.services.clip_tagger.tagger, app.config
        yield f"**Framehound {version('framehound')}**"
        yield translate(
            "Clips are looked at by {tagger}; tags scored above {above} are shown where a server "
            "sets nothing else.",
            tagger=f"`{tagger.identity}`",
            above=formatting.threshold(threshold),
        )
        yield translate(
            "A clip may be {minutes} minutes long and {size} MB large.",
            minutes=f"{tagger.longest / 60_000:g}",
            size=f"{tagger.size_limit(public=True) / 1e6:g}",
        )
        if config.source_url:
            yield translate("My source: {url}", url=f"<{config.source_url}>")
        yield translate("What I keep of your clips: `/privacy show`.")


def _ways_out(translate: Translator) -> Iterator[str]:
    yield translate(
        "Too much? `/settings show` switches me off, or has me answer in some channels only. With "
        "`/privacy optout` I leave a person's clips alone."
    )


def _writable(guild: discord.Guild) -> Iterator[discord.TextChannel]:
    """Yield the text channels I may write in, the system channel first."""
    system = [guild.system_channel] if guild.system_channel else []
    for channel in (*system, *guild.text_channels):
        allowed = channel.permissions_for(guild.me)
        if allowed.view_channel and allowed.send_messages:
            yield channel


async def setup(bot: FramehoundBot) -> None:
    """Add the cog."""
    await bot.add_cog(About(bot))
