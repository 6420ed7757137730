"""Which person or channel somebody means in a search: by a mention, an ID or a name."""

from __future__ import annotations

import asyncio
import re
from contextlib import suppress
from typing import TYPE_CHECKING

import discord

from bot.domain.search import MAX_SNOWFLAKE
from bot.errors import UnclearSearch
from bot.render import sanitize

if TYPE_CHECKING:
    from bot.domain.search import Visibility

_PERSON = re.compile(r"<@!?(\d{1,19})>|(\d{15,19})")
_MAX_MEMBERS, _PATIENCE = 20, 5.0
_CHANNEL = re.compile(r"<#(\d{1,19})>|(\d{15,19})")


async def person_id(typed: str, guild: discord.Guild | None) -> int:
    """Return the ID of a person; raises ``UnclearSearch``."""
    if found := _PERSON.fullmatch(typed):
        return min(int(found[1] or found[2]), MAX_SNOWFLAKE)
    name = typed.removeprefix("@")
    if guild:
        for member in (*guild.members, *await _members_called(name, guild)):
            if _is_called(member, name):
                return member.id
    raise UnclearSearch(part="person", name=sanitize.for_discord(typed, limit=40))


async def _members_called(name: str, guild: discord.Guild) -> list[discord.Member]:
    """Ask Discord for members whose name begins so; the bot gets no list of all."""
    with suppress(TimeoutError, discord.DiscordException):
        async with asyncio.timeout(_PATIENCE):
            return await guild.query_members(name, limit=_MAX_MEMBERS, cache=False)
    return []


def channel_id(typed: str, guild: discord.Guild | None, visibility: Visibility) -> int:
    """Return the ID of a channel that is visible; raises ``UnclearSearch``.

    A hidden channel and none get the same answer.
    """
    if found := _CHANNEL.fullmatch(typed):
        return min(int(found[1] or found[2]), MAX_SNOWFLAKE)
    name = typed.removeprefix("#").casefold()
    for channel in (*guild.channels, *guild.threads) if guild else ():
        if channel.name.casefold() == name and channel.id in visibility.channels:
            return channel.id
    raise UnclearSearch(part="channel", name=sanitize.for_discord(typed, limit=40))


def _is_called(member: discord.Member, name: str) -> bool:
    names = (member.name, member.global_name, member.nick)
    return name.casefold() in {each.casefold() for each in names if each}
