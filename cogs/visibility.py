"""The channels and threads that a person may search: those that Discord shows them right now."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

import discord

from bot.domain.search import Visibility

if TYPE_CHECKING:
    from collections.abc import Iterable

# Discord keeps minors out of these servers altogether.
_GATED = {discord.NSFWLevel.explicit, discord.NSFWLevel.age_restricted}


def visibility_of(interaction: discord.Interaction[discord.Client]) -> Visibility:
    """Return the channels and threads that a person may search.

    In a server those are all channels whose history they may read, and private threads that they
    manage; age-restricted channels only if they ask from an age-restricted channel or server.
    Elsewhere it is the current channel.
    """
    here = interaction.channel_id or 0
    guild = interaction.client.get_guild(interaction.guild_id or 0)
    if guild is None or not isinstance(interaction.user, discord.Member):
        return Visibility(frozenset({here}))
    readable = {
        channel.id: channel.permissions_for(interaction.user).manage_threads
        for channel in guild.channels
        if _may_read(channel, interaction.user)
        and (not channel.is_nsfw() or _is_old_enough(interaction, guild))
    }
    return Visibility(
        channels=frozenset({*readable, *_public_threads(guild, readable)}),
        managed=frozenset(number for number, manages in readable.items() if manages),
    )


async def with_private_threads(
    interaction: discord.Interaction[discord.Client], visibility: Visibility, threads: Iterable[int]
) -> Visibility:
    """Add those of ``threads`` that the person is a member of."""
    asked = list(threads)
    answers = await asyncio.gather(*(_is_in(interaction, number) for number in asked))
    joined = {number for number, is_in in zip(asked, answers, strict=True) if is_in}
    return replace(visibility, threads=visibility.threads | joined)


def _may_read(channel: discord.abc.GuildChannel, member: discord.Member) -> bool:
    allowed = channel.permissions_for(member)
    if isinstance(channel, (discord.VoiceChannel, discord.StageChannel)) and not allowed.connect:
        return False  # only members who may connect can read a voice channel's text
    return allowed.view_channel and allowed.read_message_history


def _is_old_enough(interaction: discord.Interaction[discord.Client], guild: discord.Guild) -> bool:
    """Return whether Discord has checked the person's age, as far as the bot can know."""
    is_nsfw = getattr(interaction.channel, "is_nsfw", None)
    return guild.nsfw_level in _GATED or bool(is_nsfw and is_nsfw())


def _public_threads(guild: discord.Guild, readable: Iterable[int]) -> Iterable[int]:
    """Yield public threads, as older posted clips do not record the channel of their thread."""
    parents = set(readable)
    for thread in guild.threads:
        if thread.parent_id in parents and not thread.is_private():
            yield thread.id


async def _is_in(interaction: discord.Interaction[discord.Client], thread_id: int) -> bool:
    """Ask Discord whether the person is in a thread, as no cache knows; False if it fails."""
    try:
        await interaction.client.http.get_thread_member(thread_id, interaction.user.id)
    except discord.HTTPException:
        return False
    return True
