"""``/help``, ``/about``, and the greeting when the bot joins a server."""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta
from importlib.metadata import version
from typing import TYPE_CHECKING

import discord
from discord import app_commands
from discord.ext import commands

from bot.domain.settings import GuildSettings
from bot.i18n import Translator, supported_language
from bot.render import formatting
from cogs.permissions import missing_anywhere

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from bot.chat.client import FramehoundBot
    from bot.domain.concepts import TaggerIdentity

# After an outage Discord announces servers again; a server that was joined earlier is not greeted.
_NEW = timedelta(hours=1)


class About(commands.Cog):
    """Explains what the bot does and how to use it."""

    def __init__(self, bot: FramehoundBot) -> None:
        self._bot = bot
        self._greeted: set[int] = set()

    @app_commands.command(name="help", description="See what I do and how to use me")
    @app_commands.allowed_installs(guilds=True, users=True)
    @app_commands.allowed_contexts(guilds=True, dms=True, private_channels=True)
    async def help(self, interaction: discord.Interaction[FramehoundBot]) -> None:
        """Explain the ways to use the bot; only the person who asked sees it."""
        translate = await self._bot.translator_for(interaction)
        settings = await self._bot.app.services.reports.settings(interaction.guild_id)
        lines = [
            *self._ways(translate, posted=settings.autotag),
            *(_for_servers(translate) if interaction.guild_id else ()),
            translate(
                "Learn more about me with `/about`, and see what I store about your clips "
                "with `/privacy show`."
            ),
        ]
        await interaction.response.send_message("\n".join(lines), ephemeral=True)

    @app_commands.command(name="about", description="See my version, my tagger, and its limits")
    @app_commands.allowed_installs(guilds=True, users=True)
    @app_commands.allowed_contexts(guilds=True, dms=True, private_channels=True)
    async def about(self, interaction: discord.Interaction[FramehoundBot]) -> None:
        """Show the version, the tagger and the limits."""
        translate = await self._bot.translator_for(interaction)
        services = self._bot.app.services
        failing = await services.trouble.among(services.clip_tagger.models.identities)
        threshold = await services.reports.threshold(None)
        lines = "\n".join(
            [
                *self._facts(translate, threshold, failing),
                *await self._corrections(translate, interaction.user),
            ]
        )
        await interaction.response.send_message(lines, ephemeral=True)

    @commands.Cog.listener()
    async def on_guild_join(self, guild: discord.Guild) -> None:
        """Greet a server once, in its system channel or the first channel the bot may write in."""
        joined = guild.me.joined_at
        long_ago = joined is None or discord.utils.utcnow() - joined > _NEW
        # After a lost connection, Discord may send the same event again.
        if long_ago or guild.id in self._greeted:
            return
        self._greeted.add(guild.id)
        channel = next(_writable(guild), None)
        if channel is None:
            return
        translate = await self._choose_language(guild)
        settings = await self._bot.app.stores.settings.load(guild.id)
        lines = [
            *self._ways(translate),
            *self._needs(translate, channel, settings),
            *_ways_out(translate),
        ]
        with suppress(discord.Forbidden, discord.NotFound):
            await channel.send("\n".join(lines), silent=True)

    async def _choose_language(self, guild: discord.Guild) -> Translator:
        """Set a new server's language to its own, if there is a catalog for it."""
        language = supported_language(guild.preferred_locale.value) or "en"
        if language != "en":
            await self._bot.app.stores.settings.update(guild.id, language=language)
        return Translator(language)

    @commands.Cog.listener()
    async def on_guild_remove(self, guild: discord.Guild) -> None:
        """Forget the server, so that it is greeted again if the bot comes back."""
        self._greeted.discard(guild.id)

    def _ways(self, translate: Translator, *, posted: bool = True) -> Iterator[str]:
        """Describe what the bot does and how to use it; ``posted`` where clips are noticed."""
        prefix = self._bot.app.config.command_prefix
        yield translate(
            "I tell you what's in the clips people post, second by second. Here's how to use me:"
        )
        if self._bot.intents.message_content:
            if posted:
                yield "- " + translate("Post a clip or a link to one, and I'll reply.")
            yield "- " + translate(
                "Use `/tags` with a link or a file, or reply to a message with `{prefix}tags`.",
                prefix=prefix,
            )
        else:
            yield "- " + translate("Use `/tags` with a link or a file.")
        yield "- " + translate(
            "Right-click or hold a message, then choose Apps → *Tag this video*."
        )

    def _needs(
        self, translate: Translator, channel: discord.TextChannel, settings: GuildSettings
    ) -> Iterator[str]:
        """Describe what is missing for everything to work, if anything."""
        if not self._bot.intents.message_content:
            yield translate(
                "I can't see the clips people post because my message content intent "
                "is off. The person who runs me can turn it on in the Discord "
                "Developer Portal."
            )
        for _channel_id, missing in missing_anywhere([channel], channel.guild.me, settings):
            permissions = ", ".join(map(translate, missing))
            yield translate(
                "I'm still missing permissions here: {permissions}.", permissions=permissions
            )

    def _facts(
        self, translate: Translator, threshold: float, failing: Sequence[TaggerIdentity]
    ) -> Iterator[str]:
        app = self._bot.app
        tagger, config = app.services.clip_tagger.tagger, app.config
        yield f"**Framehound {version('framehound')}**"
        yield self._taggers(translate, threshold)
        if failing and config.chosen_tagger != "local":
            yield self._trouble(translate, failing)
        yield translate(
            "Clips can be up to {minutes} min long and {size} MB in size.",
            minutes=tagger.longest / 60_000,
            size=tagger.size_limit(public=True) / 1e6,
        )
        if config.source_url:
            yield translate("Source code: {url}", url=f"<{config.source_url}>")
        yield translate("See what I store about your clips with `/privacy show`.")

    async def _corrections(
        self, translate: Translator, user: discord.User | discord.Member
    ) -> list[str]:
        """Return how many tags were marked as wrong, for the person who runs the bot."""
        count = await self._bot.app.stores.tag_corrections.count()
        if not count or not await self._bot.is_owner(user):
            return []
        if count == 1:
            sentence = translate("People marked one tag as wrong.")
        else:
            sentence = translate("People marked {count} tags as wrong.", count=count)
        return [f"{sentence} {translate('Only you see this line.')}"]

    def _taggers(self, translate: Translator, threshold: float) -> str:
        """Name the models that tag clips, and the threshold; several each with their own."""
        services, settings = self._bot.app.services, GuildSettings(0)
        first, *others = services.clip_tagger.models.identities
        if not others:
            return translate(
                "Clips are tagged by {tagger}. I show tags scored above {above} unless a "
                "server sets its own threshold.",
                tagger=f"`{first}`",
                above=formatting.threshold(threshold),
            )
        named = [
            f"`{each}` ({formatting.threshold(services.reports.threshold_of(settings, each))})"
            for each in (first, *others)
        ]
        return translate(
            "Clips are tagged by several models: {taggers}. I show tags scored above the "
            "threshold in brackets unless a server sets its own.",
            taggers=", ".join(named),
        )

    def _trouble(self, translate: Translator, failing: Sequence[TaggerIdentity]) -> str:
        """Name the models that can't be used, and what happens to clips meanwhile."""
        if len(failing) < len(self._bot.app.services.clip_tagger.models.identities):
            return translate(
                "{tagger} can't be used at the moment, so new clips are tagged without it.",
                tagger=", ".join(f"`{each}`" for each in failing),
            )
        fallback = self._bot.app.services.clip_tagger.fallback_identity
        if fallback is None:
            return translate(
                "The tagger can't be used at the moment, so new clips fail until it works again."
            )
        return translate(
            "The tagger can't be used at the moment, so new clips are tagged by {tagger}.",
            tagger=f"`{fallback}`",
        )


def _for_servers(translate: Translator) -> Iterator[str]:
    yield translate("Use `/find` to find clips in this server by what they show.")
    yield translate("Use `/notify add` to get a private message when a new clip matches.")
    yield translate("If you manage this server, you can change my settings with `/settings show`.")


def _ways_out(translate: Translator) -> Iterator[str]:
    yield translate(
        "Too many replies? Use `/settings show` to turn me off or limit me to certain "
        "channels. To make me leave your own clips alone, use `/privacy optout`."
    )


def _writable(guild: discord.Guild) -> Iterator[discord.TextChannel]:
    """Yield the text channels the bot may write in, the system channel first."""
    system = [guild.system_channel] if guild.system_channel else []
    for channel in (*system, *guild.text_channels):
        allowed = channel.permissions_for(guild.me)
        if allowed.view_channel and allowed.send_messages:
            yield channel


async def setup(bot: FramehoundBot) -> None:
    """Add the cog."""
    await bot.add_cog(About(bot))
