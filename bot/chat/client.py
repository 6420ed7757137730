"""The discord.py client: its intents, cogs, command sync, and the handling of commands' errors."""

from __future__ import annotations

import asyncio
import hashlib
import json
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Self

import discord
import structlog
from discord import app_commands
from discord.ext import commands
from discord.gateway import DiscordWebSocket
from discord.http import Route
from yarl import URL

from bot.chat.messages import Messages
from bot.chat.newcomers import is_newcomer
from bot.chat.recent_erasures import RecentErasures
from bot.chat.reply_deleter import ReplyDeleter
from bot.chat.request_limits import RequestLimits
from bot.chat.responder import DiscordResponder
from bot.chat.retry import FAILURES
from bot.domain.erasure import Channel, Guild, Person
from bot.errors import ButtonExpired, FramehoundError
from bot.i18n import ENGLISH, Sentence, Translator, supported_language
from bot.storage.database import StorageUnavailable
from bot.storage.meta import COMMANDS_KEY

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from bot.domain.job import Job
    from bot.jobs.queue import Intake
    from bot.runtime.app import App

_FORBIDDEN = Sentence("You need the Manage Server permission to do this.")
_SERVERS_ONLY = Sentence("This only works in a server.")
_UNCLEAR = Sentence("I didn't understand that. Type the command with a / to see its options.")
_NAMES = {
    app_commands.TranslationContextLocation.command_name,
    app_commands.TranslationContextLocation.group_name,
    app_commands.TranslationContextLocation.parameter_name,
}
COGS = (
    "cogs.autotag",
    "cogs.tags",
    "cogs.buttons",
    "cogs.search",
    "cogs.same_clip",
    "cogs.watches",
    "cogs.notify",
    "cogs.index",
    "cogs.library",
    "cogs.settings",
    "cogs.usage",
    "cogs.privacy",
    "cogs.about",
)


class FramehoundBot(commands.AutoShardedBot):
    """The bot. It gives the cogs what they need, and caches neither people nor messages."""

    def __init__(self, app: App, jobs: Intake, *, message_content: bool) -> None:
        config = app.config
        super().__init__(
            command_prefix=commands.when_mentioned_or(config.command_prefix),
            intents=_intents(message_content=message_content),
            help_command=None,
            allowed_mentions=discord.AllowedMentions.none(),
            # Commands that people may also use in servers without the bot allow that themselves.
            allowed_installs=app_commands.AppInstallationType(guild=True),
            member_cache_flags=discord.MemberCacheFlags.none(),
            chunk_guilds_at_startup=False,
            max_messages=None,
            shard_count=config.shard_count,
            **_chosen_shards(config.shard_ids),
        )
        self.app = app
        self.jobs = jobs
        self.erasure = app.erasure(jobs, self._answer_dropped)
        self._recent_erasures = RecentErasures()
        self.reply_deleter = ReplyDeleter(Messages(self), app.stores.reply_deletions)
        self._log = structlog.get_logger("framehound.client")
        self._items: set[type[discord.ui.DynamicItem[Any]]] = set()
        self._limits = RequestLimits()
        self._limits.install(self)
        self.tree.on_error = self.refuse  # type: ignore[method-assign]  # the documented way short of a subclass

    async def setup_hook(self) -> None:
        """Load every cog, or fail; then register the commands with Discord if they changed."""
        for cog in COGS:
            await self.load_extension(cog)
        await self._sync_commands()

    def add_dynamic_items(self, *items: type[discord.ui.DynamicItem[Any]]) -> None:
        """Handle buttons and menus by their IDs."""
        super().add_dynamic_items(*items)
        self._items.update(items)

    def remove_dynamic_items(self, *items: type[discord.ui.DynamicItem[Any]]) -> None:
        """Stop handling buttons and menus."""
        super().remove_dynamic_items(*items)
        self._items.difference_update(items)

    async def on_interaction(self, interaction: discord.Interaction[Self]) -> None:
        """Say that a button has expired if nothing handles its ID, as discord.py says nothing."""
        if interaction.type is not discord.InteractionType.component:
            return
        data: Mapping[str, Any] = interaction.data or {}
        custom_id = str(data.get("custom_id"))
        templates = (item.__discord_ui_compiled_template__ for item in self._items)
        if not any(template.fullmatch(custom_id) for template in templates):
            await self.refuse(interaction, ButtonExpired())

    async def submit(self, job: Job) -> None:
        """Hand in a job, unless what it is about was erased since the bot was told of it.

        Raises what ``Intake.submit`` raises.
        """
        job = replace(job, newcomer=is_newcomer(self, job.guild_id, job.author_id))
        erased = self._recent_erasures.messages_of
        if job.requested or not erased(job):
            await self.jobs.submit(job)
        if gone := erased(job):  # perhaps before there was anything to erase
            await self._erase_messages(gone)

    async def erase_messages(self, message_ids: Collection[int]) -> None:
        """Erase deleted messages, and delete the replies to them."""
        self._recent_erasures.add_messages(message_ids)
        await self._erase_messages(message_ids)

    async def erase_removed_clips(self, message_id: int) -> None:
        """Erase a message whose clips were removed by an edit, and delete the reply to it."""
        await self.erasure.removed_clips(message_id)
        self.reply_deleter.wake()

    async def erase_channel(self, channel_id: int) -> None:
        """Erase a deleted channel with its threads, or a deleted thread."""
        self._recent_erasures.add(Channel(channel_id))
        await self.erasure.channel(channel_id)

    async def erase_guild(self, guild_id: int) -> None:
        """Erase a server that removed the bot."""
        self._recent_erasures.add(Guild(guild_id))
        await self.erasure.guild(guild_id)

    async def erase_person(self, user_id: int, until: int) -> int:
        """Erase a person, and delete the replies to them; return how many messages and commands.

        What they post after the snowflake ``until`` is not concerned.
        """
        self._recent_erasures.add(Person(user_id), until)
        count = await self.erasure.person(user_id)
        self.reply_deleter.wake()
        return count

    async def on_guild_join(self, guild: discord.Guild) -> None:
        """Accept jobs of a server again that had removed the bot."""
        self._recent_erasures.discard(Guild(guild.id))

    async def translator(self, guild_id: int | None) -> Translator:
        """Return a translator into a server's language; into English while the database is away."""
        if guild_id is None:
            return ENGLISH
        with suppress(StorageUnavailable):
            return Translator((await self.app.stores.settings.load(guild_id)).language)
        return ENGLISH

    async def translator_for(
        self, source: commands.Context[FramehoundBot] | discord.Interaction[FramehoundBot]
    ) -> Translator:
        """Return a translator for an answer to one person: their language, else the server's."""
        interaction = source.interaction if isinstance(source, commands.Context) else source
        own = supported_language(interaction.locale.value) if interaction else None
        if own:
            return Translator(own)
        return await self.translator(source.guild.id if source.guild else None)

    async def leave_gateway(self) -> None:
        """Receive no more events; REST stays open for answers still on their way."""
        await asyncio.gather(*(shard.disconnect() for shard in self.shards.values()))

    async def on_ready(self) -> None:
        """Log once per session that the bot is connected."""
        self._log.info("ready", user=str(self.user), servers=len(self.guilds))

    async def on_command_error(
        self,
        context: commands.Context[FramehoundBot],  # type: ignore[override]  # our own bot class
        error: commands.CommandError,
        /,
    ) -> None:
        """Reply to a failed text or hybrid command in a sentence."""
        if isinstance(error, commands.CommandNotFound):
            return
        if not self._limits.may_refuse_in_words(context.author.id, error):
            return
        sentence = self._sentence_for(error, await self.translator_for(context))
        with suppress(discord.Forbidden):  # there is no other place to say it
            if context.interaction:
                await context.send(sentence, ephemeral=True)
            else:
                command = context.message.to_reference(fail_if_not_exists=False)
                await context.send(sentence, reference=command)

    async def refuse(
        self, interaction: discord.Interaction[FramehoundBot], error: Exception
    ) -> None:
        """Tell the person why a command, a button or a form failed; nobody else sees it."""
        sentence = self._sentence_for(error, await self.translator_for(interaction))
        if interaction.response.is_done():
            await interaction.followup.send(sentence, ephemeral=True)
        else:
            await interaction.response.send_message(sentence, ephemeral=True)

    def _sentence_for(self, error: Exception, translate: Translator) -> str:
        """Return a sentence about an error; unexpected errors are logged here."""
        cause = getattr(error, "original", error)
        cause = getattr(cause, "original", cause)
        if isinstance(cause, FramehoundError):
            return cause.localized(translate)
        if isinstance(cause, (commands.MissingPermissions, app_commands.MissingPermissions)):
            return translate(_FORBIDDEN)
        if isinstance(cause, (commands.NoPrivateMessage, app_commands.NoPrivateMessage)):
            return translate(_SERVERS_ONLY)
        if isinstance(cause, commands.UserInputError):
            return translate(_UNCLEAR)
        self._log.error("command failed unexpectedly", exc_info=cause)
        return FramehoundError().localized(translate)

    async def _erase_messages(self, message_ids: Collection[int]) -> None:
        await self.erasure.messages(message_ids)
        self.reply_deleter.wake()

    async def _answer_dropped(self, job: Job) -> None:
        """Answer a request that was dropped with the message or the person it was about."""
        try:
            await self.app.services.answerer.answer_erased(job, DiscordResponder(self))
        except (*FAILURES, StorageUnavailable) as error:
            self._log.warning("dropped request not answered", job=job.id, reason=str(error))

    async def _sync_commands(self) -> None:
        """Sync the commands only if they changed, as Discord limits how often that may be done."""
        translator = _CatalogTranslator()
        await self.tree.set_translator(translator)
        payload = [
            await command.get_translated_payload(self.tree, translator)
            for command in self.tree.get_commands()
        ]
        digest = hashlib.sha256(json.dumps(payload, sort_keys=True).encode()).hexdigest()
        key = f"{COMMANDS_KEY}{self.application_id}"
        if await self.app.stores.meta.get(key) != digest:
            await self.tree.sync()
            await self.app.stores.meta.set(key, digest)


class _CatalogTranslator(app_commands.Translator):
    """Translates the descriptions of commands and options; their names stay English."""

    async def translate(
        self,
        string: app_commands.locale_str,
        locale: discord.Locale,
        context: app_commands.TranslationContextTypes,
    ) -> str | None:
        """Return the text in another language that we have a catalog for, else None."""
        language = supported_language(locale.value)
        if language is None or language == "en" or context.location in _NAMES:
            return None
        return Translator(language)(str(string))


def point_at(api_url: str) -> None:
    """Make discord.py use another REST root that is compatible with Discord's."""
    Route.BASE = api_url


async def follow_gateway(client: discord.Client) -> None:
    """Make discord.py use the gateway that its REST root names, even after a lost session.

    Without this, discord.py 2.7 goes back to its built-in address after opcode 9.
    """
    _shards, gateway, _limit = await client.http.get_bot_gateway()
    DiscordWebSocket.DEFAULT_GATEWAY = URL(gateway).with_query(None)


def _chosen_shards(shards: tuple[int, ...] | None) -> dict[str, Any]:
    """Return the shards that the operator chose as an argument; without it, all shards run."""
    return {"shard_ids": list(shards)} if shards else {}


def _intents(*, message_content: bool) -> discord.Intents:
    intents = discord.Intents.none()
    intents.guilds = True
    intents.messages = True
    intents.message_content = message_content
    return intents
