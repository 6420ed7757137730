"""What the bot must be allowed in a channel to answer there."""

from __future__ import annotations

from typing import TYPE_CHECKING

import discord

from bot.errors import PermissionMissing

if TYPE_CHECKING:
    from collections.abc import Iterator

_NAMES = {
    "view_channel": "View Channel",
    "send_messages": "Send Messages",
    "send_messages_in_threads": "Send Messages in Threads",
    "read_message_history": "Read Message History",
    "attach_files": "Attach Files",
}


def require_permissions(message: discord.Message) -> None:
    """Raise ``PermissionMissing``, which names them, unless a reply to the message is allowed."""
    if message.guild is None or isinstance(message.channel, discord.PartialMessageable):
        return
    missing = list(_missing(message.channel, message.guild.me))
    if missing:
        raise PermissionMissing(missing)


def _missing(channel: discord.abc.MessageableChannel, me: discord.Member) -> Iterator[str]:
    allowed = channel.permissions_for(me)
    elsewhere = (
        "send_messages" if isinstance(channel, discord.Thread) else "send_messages_in_threads"
    )
    for permission, name in _NAMES.items():
        if permission != elsewhere and not getattr(allowed, permission):
            yield name
