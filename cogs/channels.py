"""Whether a server's settings allow tagging in a channel."""

from __future__ import annotations

from typing import TYPE_CHECKING

import discord

from bot.domain.settings import Place

if TYPE_CHECKING:
    from bot.domain.settings import GuildSettings


def is_autotagged(message: discord.Message, settings: GuildSettings) -> bool:
    """Return whether clips in this message are tagged without a command."""
    roles = message.author.roles if isinstance(message.author, discord.Member) else []
    return settings.notices(place_of(message.channel), {role.id for role in roles})


def place_of(channel: discord.abc.MessageableChannel) -> Place:
    """Return a channel's IDs: its own, and those of its parent channel and its category."""
    ids = (channel.id, getattr(channel, "parent_id", None), getattr(channel, "category_id", None))
    return Place(frozenset(filter(None, ids)), nsfw=_is_nsfw(channel))


def _is_nsfw(channel: discord.abc.MessageableChannel) -> bool:
    return getattr(channel, "is_nsfw", bool)()
