"""For whom a reply is, as Discord tells it: needed once our own record of the reply was erased."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

import discord

if TYPE_CHECKING:
    from bot.chat.client import FramehoundBot


async def reply_owners(bot: FramehoundBot, reply: discord.Message) -> set[int]:
    """Return the IDs of those who posted the clips or requested the reply.

    It is empty if the messages concerned are gone or cannot be read.
    """
    by_command = reply.interaction_metadata
    if by_command is not None:
        target = getattr(by_command, "target_message_id", None)
        posted = await _authors(bot, reply.channel.id, target)
        return {by_command.user.id} | posted
    if reply.reference is not None:
        return await _authors(bot, reply.reference.channel_id, reply.reference.message_id)
    if isinstance(reply.channel, discord.Thread):
        # A thread that was opened at a message has the ID of that message.
        return await _authors(bot, reply.channel.parent_id, reply.channel.id)
    return set()


async def _authors(bot: FramehoundBot, channel_id: int | None, message_id: int | None) -> set[int]:
    """Return the author of a message, and of the message it replies to."""
    if channel_id is None or message_id is None:
        return set()
    channel = bot.get_partial_messageable(channel_id)
    authors: set[int] = set()
    with suppress(discord.NotFound, discord.Forbidden):
        message = await channel.fetch_message(message_id)
        authors.add(message.author.id)
        if message.reference is not None and message.reference.message_id is not None:
            authors.add((await channel.fetch_message(message.reference.message_id)).author.id)
    return authors
