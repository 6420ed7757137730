"""The channels and threads that a person may search: those that Discord shows them right now."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import discord

from bot.chat.visibility import is_age_checked, may_read
from bot.domain.search import Visibility
from cogs.permissions import missing_to_write

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
    is_in = partial(_is_in_thread, interaction.client, interaction.user.id)
    answers = await asyncio.gather(*map(is_in, asked))
    joined = {number for number, joins in zip(asked, answers, strict=True) if joins}
    return replace(visibility, threads=visibility.threads | joined)


async def may_write(
    client: discord.Client,
    channel: discord.abc.GuildChannel | discord.Thread,
    member: discord.Member,
) -> bool:
    """Return whether a member sees a channel or thread and may write there."""
    return not missing_to_write(channel, member) and await is_let_in(client, channel, member)


async def is_let_in(
    client: discord.Client,
    channel: discord.abc.GuildChannel | discord.Thread,
    member: discord.Member,
) -> bool:
    """Return whether a member who sees a channel also sees this thread of it, if it is one.

    Private threads are for their members, and for those who manage threads.
    """
    if not isinstance(channel, discord.Thread) or not channel.is_private():
        return True
    manages = channel.permissions_for(member).manage_threads
    return manages or await _is_in_thread(client, member.id, channel.id)


def _public_threads(guild: discord.Guild, readable: Iterable[int]) -> Iterable[int]:
    """Yield public threads, as older posted clips do not record the channel of their thread."""
    parents = set(readable)
    for thread in guild.threads:
        if thread.parent_id in parents and not thread.is_private():
            yield thread.id


async def _is_in_thread(client: discord.Client, user_id: int, thread_id: int) -> bool:
    """Ask Discord whether the person is in a thread, as no cache knows; False if it fails."""
    try:
        await client.http.get_thread_member(thread_id, user_id)
    except discord.HTTPException:
        return False
    return True
