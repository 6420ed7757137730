"""The channels and threads that a person may search: those that Discord shows them right now."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

import discord

from bot.chat.visibility import is_age_checked, may_read
from bot.domain.search import Visibility

if TYPE_CHECKING:
    from collections.abc import Iterable


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
        if may_read(channel, interaction.user)
        and (not channel.is_nsfw() or is_age_checked(guild, interaction.channel))
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
    answers = await asyncio.gather(*(is_in_thread(interaction, number) for number in asked))
    joined = {number for number, is_in in zip(asked, answers, strict=True) if is_in}
    return replace(visibility, threads=visibility.threads | joined)


def _public_threads(guild: discord.Guild, readable: Iterable[int]) -> Iterable[int]:
    """Yield public threads, as older posted clips do not record the channel of their thread."""
    parents = set(readable)
    for thread in guild.threads:
        if thread.parent_id in parents and not thread.is_private():
            yield thread.id


async def is_in_thread(interaction: discord.Interaction[discord.Client], thread_id: int) -> bool:
    """Ask Discord whether the person is in a thread, as no cache knows; False if it fails."""
    try:
        await interaction.client.http.get_thread_member(thread_id, interaction.user.id)
    except discord.HTTPException:
        return False
    return True
