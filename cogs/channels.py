"""Where a message was posted, as a server's settings speak of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import discord

from bot.domain.settings import Place

if TYPE_CHECKING:
    from bot.domain.settings import GuildSettings


def is_noticed(message: discord.Message, settings: GuildSettings) -> bool:
    """Tell whether a server wants the clips of this message answered by themselves."""
    roles = message.author.roles if isinstance(message.author, discord.Member) else []
    return settings.notices(place_of(message.channel), {role.id for role in roles})


def place_of(channel: discord.abc.MessageableChannel) -> Place:
    """Return a channel with what it belongs to: a thread's channel, a channel's category."""
    ids = (channel.id, getattr(channel, "parent_id", None), getattr(channel, "category_id", None))
    return Place(frozenset(filter(None, ids)), nsfw=_is_nsfw(channel))


def _is_nsfw(channel: discord.abc.MessageableChannel) -> bool:
    return getattr(channel, "is_nsfw", bool)()
