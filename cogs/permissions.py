"""What the bot must be allowed in a channel to answer there."""

from __future__ import annotations

from typing import TYPE_CHECKING

import discord

from bot.errors import PermissionMissing

if TYPE_CHECKING:
    from collections.abc import Iterator


def require_permissions(message: discord.Message) -> None:
    """Raise ``PermissionMissing``, which names them, unless a reply to the message is allowed."""
    if message.guild is None or isinstance(message.channel, discord.PartialMessageable):
        return
    missing = list(_missing(message.channel, message.guild.me))
    if missing:
        raise PermissionMissing(missing)


def _missing(channel: discord.abc.MessageableChannel, me: discord.Member) -> Iterator[str]:
    """Yield what is missing, as Discord's settings name it; not what is missing for lack of it."""
    allowed = channel.permissions_for(me)
    in_thread = isinstance(channel, discord.Thread)
    may_send = allowed.send_messages_in_threads if in_thread else allowed.send_messages
    if not allowed.view_channel:
        yield "View Channel"
        return
    if not may_send:
        yield "Send Messages in Threads" if in_thread else "Send Messages"
    elif not allowed.attach_files:
        yield "Attach Files"
    if not allowed.read_message_history:
        yield "Read Message History"
