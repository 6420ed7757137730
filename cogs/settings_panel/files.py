"""A server's settings as a file: handed out, and taken back if all of it is sound."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import discord

from bot.domain.choices import InvalidValue
from bot.domain.settings_file import (
    LARGEST,
    FileMistake,
    InvalidSettingsFile,
    ServerContext,
    read_file,
    write_file,
)
from bot.i18n import Sentence
from bot.render import sanitize

if TYPE_CHECKING:
    from bot.chat.client import FramehoundBot
    from bot.i18n import Translator

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
        text = write_file(settings, watches, self._around(guild))
        return discord.File(io.BytesIO(text.encode()), _NAME)

    async def take_over(self, guild: discord.Guild, attachment: discord.Attachment) -> None:
        """Set what a file says; raises ``InvalidSettingsFile``, and then nothing was changed."""
        if attachment.size > LARGEST:
            too_large = InvalidValue(Sentence("must be at most {most} KB"), most=LARGEST // 1024)
            raise InvalidSettingsFile([FileMistake(attachment.filename, too_large)])
        file = read_file(await attachment.read(), self._around(guild))
        await self._bot.app.stores.settings.take_over(guild.id, file)
        if file.watches is not None:
            await self._bot.app.stores.watches.replace(guild.id, file.watches)

    def _around(self, guild: discord.Guild) -> ServerContext:
        channels = {channel.id for channel in (*guild.channels, *guild.threads)}
        roles = {role.id for role in guild.roles}
        return ServerContext(channels, roles, self._bot.app.config.retention_days)


def describe_mistakes(mistaken: InvalidSettingsFile, translate: Translator) -> str:
    """Return the mistakes of a file, a line each, short enough for one message."""
    lines = [translate("Nothing was changed; this is wrong with the file:")]
    for mistake in mistaken.mistakes[:_MAX_MISTAKES_SHOWN]:
        reason = sanitize.clean(mistake.reason.localized(translate), limit=_MAX_REASON_LENGTH)
        lines.append(f"- {sanitize.for_discord(mistake.name, limit=40)} {reason}")
    more = len(mistaken.mistakes) - _MAX_MISTAKES_SHOWN
    if more > 0:
        lines.append(translate("… and {count} more.", count=more))
    return "\n".join(lines)
