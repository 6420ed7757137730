"""Where somebody who asks may look: what Discord itself would show them, at this moment."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

import discord

from bot.domain.search import Visibility

if TYPE_CHECKING:
    from collections.abc import Iterable

# Discord keeps everybody too young out of these servers as a whole.
_GATED = {discord.NSFWLevel.explicit, discord.NSFWLevel.age_restricted}


def visibility_of(interaction: discord.Interaction[discord.Client]) -> Visibility:
    """Return where the one who asks may look.

    In a server that is every channel whose history they may read, private threads they manage
    included; age-restricted ones only if they ask from behind that gate. Elsewhere it is the
    channel they are in.
    """
    here = interaction.channel_id or 0
    guild = interaction.client.get_guild(interaction.guild_id or 0)
    if guild is None or not isinstance(interaction.user, discord.Member):
        return Visibility(frozenset({here}))
    readable = {
        channel.id: channel.permissions_for(interaction.user).manage_threads
        for channel in guild.channels
        if _may_read(channel, interaction.user)
        and (not channel.is_nsfw() or _is_behind_the_gate(interaction, guild))
    }
    return Visibility(
        channels=frozenset({*readable, *_public_threads(guild, readable)}),
        managed=frozenset(number for number, manages in readable.items() if manages),
    )


async def with_private_threads(
    interaction: discord.Interaction[discord.Client], visibility: Visibility, threads: Iterable[int]
) -> Visibility:
    """Return the sight widened by those private threads the one who asks is a member of."""
    asked = list(threads)
    answers = await asyncio.gather(*(_is_in(interaction, number) for number in asked))
    joined = {number for number, is_in in zip(asked, answers, strict=True) if is_in}
    return replace(visibility, threads=visibility.threads | joined)


def _may_read(channel: discord.abc.GuildChannel, member: discord.Member) -> bool:
    allowed = channel.permissions_for(member)
    if isinstance(channel, (discord.VoiceChannel, discord.StageChannel)) and not allowed.connect:
        return False  # a voice channel's text is for those who may enter
    return allowed.view_channel and allowed.read_message_history


def _is_behind_the_gate(
    interaction: discord.Interaction[discord.Client], guild: discord.Guild
) -> bool:
    """Tell whether Discord has made sure of the asker's age, as far as anybody can tell."""
    is_nsfw = getattr(interaction.channel, "is_nsfw", None)
    return guild.nsfw_level in _GATED or bool(is_nsfw and is_nsfw())


def _public_threads(guild: discord.Guild, readable: Iterable[int]) -> Iterable[int]:
    """Yield open threads: of clips noted long ago it is not known in which thread's channel."""
    parents = set(readable)
    for thread in guild.threads:
        if thread.parent_id in parents and not thread.is_private():
            yield thread.id


async def _is_in(interaction: discord.Interaction[discord.Client], thread_id: int) -> bool:
    """Ask Discord: no cache knows who is in a thread. What it does not say is not believed."""
    try:
        await interaction.client.http.get_thread_member(thread_id, interaction.user.id)
    except discord.HTTPException:
        return False
    return True
