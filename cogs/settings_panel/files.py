"""A server's settings as a file: handed out, and taken back if all of it is sound."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import discord

from bot.domain.choices import Unsound
from bot.domain.settings_file import (
    LARGEST,
    Mistake,
    Mistaken,
    Surroundings,
    read_file,
    write_file,
)
from bot.i18n import Sentence
from bot.render import sanitize

if TYPE_CHECKING:
    from bot.chat.client import FramehoundBot
    from bot.i18n import Speech

_NAME = "framehound-settings.json"
_MOST_TOLD = 15
_LONGEST_REASON = 120


class SettingsFiles:
    """Exports and imports the settings of servers."""

    def __init__(self, bot: FramehoundBot) -> None:
        self._bot = bot

    async def export(self, guild: discord.Guild) -> discord.File:
        """Return everything the server has set, its watches too."""
        app = self._bot.app
        settings = await app.settings.load(guild.id)
        watches = await app.watches.load(guild.id)
        text = write_file(settings, watches, self._around(guild))
        return discord.File(io.BytesIO(text.encode()), _NAME)

    async def take_over(self, guild: discord.Guild, attachment: discord.Attachment) -> None:
        """Set what a file says; raises ``Mistaken``, and then nothing was changed."""
        if attachment.size > LARGEST:
            too_large = Unsound(Sentence("must be at most {most} KB"), most=LARGEST // 1024)
            raise Mistaken([Mistake(attachment.filename, too_large)])
        file = read_file(await attachment.read(), self._around(guild))
        await self._bot.app.settings.take_over(guild.id, file)
        if file.watches is not None:
            await self._bot.app.watches.replace(guild.id, file.watches)

    def _around(self, guild: discord.Guild) -> Surroundings:
        channels = {channel.id for channel in (*guild.channels, *guild.threads)}
        roles = {role.id for role in guild.roles}
        return Surroundings(channels, roles, self._bot.app.config.retention_days)


def told(mistaken: Mistaken, say: Speech) -> str:
    """Return the mistakes of a file, a line each, short enough for one message."""
    lines = [say("Nothing was changed; this is wrong with the file:")]
    for mistake in mistaken.mistakes[:_MOST_TOLD]:
        reason = sanitize.clean(mistake.reason.told(say), limit=_LONGEST_REASON)
        lines.append(f"- {sanitize.for_discord(mistake.name, limit=40)} {reason}")
    more = len(mistaken.mistakes) - _MOST_TOLD
    if more > 0:
        lines.append(say("… and {count} more.", count=more))
    return "\n".join(lines)
