"""Export and import of a server's settings as a file."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import discord

from bot.domain.setting_kinds import InvalidValue, ServerContext
from bot.domain.settings_file import (
    MAX_BYTES,
    FileMistake,
    InvalidSettingsFile,
    read_file,
    write_file,
)
from bot.i18n import Sentence
from bot.render import sanitize
from cogs.visibility import may_write

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bot.chat.client import FramehoundBot
    from bot.domain.alerts import Watch
    from bot.i18n import Translator

NO_WATCH = Sentence("Choose a channel that you can see and write in yourself.")
_NAME = "framehound-settings.json"
_MAX_MISTAKES_SHOWN = 15
_MAX_REASON_LENGTH = 120


class SettingsFiles:
    """Exports and imports the settings of servers."""

    def __init__(self, bot: FramehoundBot) -> None:
        self._bot = bot

    async def export(self, guild: discord.Guild) -> discord.File:
        """Return everything the server has set, its watches too."""
        app = self._bot.app
        settings = await app.stores.settings.load(guild.id)
        watches = await app.stores.watches.load(guild.id)
        text = write_file(settings, watches, self.context(guild))
        return discord.File(io.BytesIO(text.encode()), _NAME)

    async def import_file(
        self, guild: discord.Guild, attachment: discord.Attachment, member: discord.Member
    ) -> None:
        """Set what a member's file says.

        Raises ``InvalidSettingsFile`` without having changed anything.
        """
        if attachment.size > MAX_BYTES:
            too_large = InvalidValue(
                Sentence("The file is too large. The limit is {most} KB."), most=MAX_BYTES // 1024
            )
            raise InvalidSettingsFile([FileMistake(attachment.filename, too_large)])
        file = read_file(await attachment.read(), self.context(guild))
        await self._check_watches(guild, file.watches or (), member)
        await self._bot.app.stores.settings.update(guild.id, **file.values)
        if file.watches is not None:
            await self._bot.app.stores.watches.replace(guild.id, file.watches)

    async def _check_watches(
        self, guild: discord.Guild, watches: Sequence[Watch], member: discord.Member
    ) -> None:
        """Refuse new watches of channels that the member doesn't see or can't write in."""
        stored = await self._bot.app.stores.watches.load(guild.id)
        known = {(each.normalized, each.channel_id) for each in stored}
        new = {
            each.channel_id for each in watches if (each.normalized, each.channel_id) not in known
        }
        for channel_id in new:
            channel = guild.get_channel_or_thread(channel_id)
            if channel is None or not await may_write(self._bot, channel, member):
                raise InvalidSettingsFile([FileMistake("watches", InvalidValue(NO_WATCH))])

    def context(self, guild: discord.Guild) -> ServerContext:
        """Return what settings of the server are checked against."""
        channels = {channel.id for channel in (*guild.channels, *guild.threads)}
        roles = {role.id for role in guild.roles}
        app = self._bot.app
        options = app.services.clip_tagger.models.options
        return ServerContext(channels, roles, app.config.retention_days, options)


def describe_mistakes(invalid: InvalidSettingsFile, translate: Translator) -> str:
    """Return the mistakes in a file, one a line, short enough for one message."""
    lines = [translate("I couldn't import this file, so nothing has changed. Here's what to fix:")]
    for mistake in invalid.mistakes[:_MAX_MISTAKES_SHOWN]:
        reason = sanitize.clean(mistake.reason.localized(translate), limit=_MAX_REASON_LENGTH)
        lines.append(f"- **{sanitize.for_discord(mistake.name, limit=40)}** · {reason}")
    more = len(invalid.mistakes) - _MAX_MISTAKES_SHOWN
    if more > 0:
        lines.append(translate("… and {count} more", count=more))
    return "\n".join(lines)
