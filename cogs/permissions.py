"""The permissions the bot needs in a channel to answer there."""

from __future__ import annotations

from typing import TYPE_CHECKING

import discord

from bot.errors import PermissionMissing
from bot.i18n import Sentence

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from bot.domain.settings import GuildSettings

_VIEW = Sentence("View Channel")
_SEND = Sentence("Send Messages")
_SEND_IN_THREADS = Sentence("Send Messages in Threads")
_OPEN_THREADS = Sentence("Create Public Threads")
_ATTACH = Sentence("Attach Files")
_HISTORY = Sentence("Read Message History")
_REACT = Sentence("Add Reactions")


def require_permissions(message: discord.Message) -> None:
    """Raise ``PermissionMissing`` if a permission for replying to the message is missing."""
    if message.guild is None or isinstance(message.channel, discord.PartialMessageable):
        return
    missing = list(_missing(message.channel, message.guild.me))
    if missing:
        raise PermissionMissing.of(missing)


def missing_to_write(
    channel: discord.abc.GuildChannel | discord.Thread, member: discord.Member
) -> list[str]:
    """Return the permissions that a member lacks for a short message to a channel."""
    return [name for name in _missing(channel, member) if name in {_VIEW, _SEND, _SEND_IN_THREADS}]


def missing_anywhere(
    channels: Iterable[discord.abc.GuildChannel | discord.Thread],
    me: discord.Member,
    settings: GuildSettings,
) -> Iterator[tuple[int, list[str]]]:
    """Yield the ID and the missing permissions of each channel that lacks any.

    Which are needed depends on the server's settings.
    """
    for channel in channels:
        missing = list(_missing(channel, me))
        if _VIEW not in missing:
            missing += _missing_optional(channel, me, settings)
        if missing:
            yield channel.id, missing


def _missing(
    channel: discord.abc.MessageableChannel | discord.abc.GuildChannel, me: discord.Member
) -> Iterator[str]:
    """Yield missing permissions by their names in Discord's settings.

    If channels can't be seen at all, only that is named.
    """
    allowed = channel.permissions_for(me)
    in_thread = isinstance(channel, discord.Thread)
    may_send = allowed.send_messages_in_threads if in_thread else allowed.send_messages
    if not allowed.view_channel:
        yield _VIEW
        return
    if not may_send:
        yield _SEND_IN_THREADS if in_thread else _SEND
    elif not allowed.attach_files:
        yield _ATTACH
    if not allowed.read_message_history:
        yield _HISTORY


def _missing_optional(
    channel: discord.abc.GuildChannel | discord.Thread, me: discord.Member, settings: GuildSettings
) -> Iterator[str]:
    """Yield missing permissions that are optional, or that only some settings need."""
    allowed = channel.permissions_for(me)
    if not allowed.add_reactions:
        yield _REACT
    if settings.in_thread and not isinstance(channel, discord.Thread):
        if not allowed.create_public_threads:
            yield _OPEN_THREADS
        if not allowed.send_messages_in_threads:
            yield _SEND_IN_THREADS
