"""Who may read a channel: one rule for whatever names a clip, such as searches and alerts."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Self

import discord

from bot.domain.audience import (
    VIEW_CHANNEL,
    ChannelAccess,
    GuildRoles,
    Overwrite,
    all_may_read,
    person_may_read,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    Channel = discord.abc.GuildChannel
    Place = Channel | discord.Thread

_READING = discord.Permissions(view_channel=True, read_message_history=True).value
_MANAGE_THREADS = discord.Permissions(manage_threads=True).value
_CONNECT = discord.Permissions(connect=True).value
# Discord has checked the age of everybody in these servers.
_GATED = {discord.NSFWLevel.explicit, discord.NSFWLevel.age_restricted}
# Each takes a request; channels with more people of their own are rare.
_MAX_PEOPLE = 25


def may_read(channel: Place, member: discord.Member) -> bool:
    """Return whether a member may read what was posted in a channel or a public thread."""
    needed = _reading(channel)
    return channel.permissions_for(member).value & needed == needed


def is_age_checked(guild: discord.Guild, place: object) -> bool:
    """Return whether Discord has checked the age of people who see a place, as far as known."""
    is_nsfw = getattr(place, "is_nsfw", None)
    return guild.nsfw_level in _GATED or bool(is_nsfw and is_nsfw())


async def find_uncovered(channels: Iterable[Channel], target: Channel, limit: int) -> list[Channel]:
    """Return channels that somebody who sees ``target`` may not read because of their roles."""
    return await asyncio.to_thread(lambda: list(islice(_uncovered(channels, target), limit)))


def _uncovered(channels: Iterable[Channel], target: Channel) -> Iterator[Channel]:
    guild = target.guild
    roles, access = _roles(guild), _access(target)
    for channel in channels:
        if channel.id != target.id and not (
            _is_old_enough(channel, target, guild) and all_may_read(_access(channel), access, roles)
        ):
            yield channel


async def audience_may_read(client: discord.Client, source_id: int, target: Place) -> bool:
    """Return whether everybody who sees a place may read a channel or thread of the same server.

    Nobody but its members may read a private thread. Raises ``discord.HTTPException``.
    """
    source = await client.fetch_channel(source_id)
    if isinstance(source, discord.Thread) and source.is_private():
        return False
    opened = await _channel(client, source)
    seen = await _channel(client, target)
    if opened is None or seen is None or opened.guild.id != seen.guild.id:
        return False
    if opened.id == seen.id:
        return True
    guild = await client.fetch_guild(seen.guild.id, with_counts=False)
    if not _is_old_enough(opened, seen, guild):
        return False
    # In a server with hundreds of roles, this takes hundreds of milliseconds.
    access = _access(opened), _access(seen)
    if not await asyncio.to_thread(all_may_read, *access, _roles(guild)):
        return False
    return await _people_may_read(client, guild, *access)


@dataclass(frozen=True, slots=True)
class Reader:
    """A member of a server with the roles they have right now, read from Discord."""

    client: discord.Client
    guild: discord.Guild
    member: discord.Member

    @classmethod
    async def fetch(cls, client: discord.Client, guild_id: int, user_id: int) -> Self | None:
        """Return a person as a member of a server; None if they or the bot left it.

        Raises ``discord.HTTPException`` if Discord can't say.
        """
        try:
            guild = await client.fetch_guild(guild_id, with_counts=False)
            return cls(client, guild, await guild.fetch_member(user_id))
        except (discord.NotFound, discord.Forbidden):
            return None

    async def may_read(self, place_id: int) -> bool:
        """Return whether they may read a channel or a thread of the server right now.

        Private threads are for their members, and for those who manage threads. Age-restricted
        channels are left out unless Discord has checked the age of everybody in the server, as
        nobody knows the age of a person elsewhere. Raises ``discord.HTTPException``.
        """
        try:
            place = await self.client.fetch_channel(place_id)
            channel = await _channel(self.client, place)
        except (discord.NotFound, discord.Forbidden):
            return False
        if channel is None or channel.guild.id != self.guild.id:
            return False
        is_restricted = getattr(channel, "is_nsfw", None)
        if is_restricted and is_restricted() and self.guild.nsfw_level not in _GATED:
            return False
        if not self._has(channel, _reading(channel)):
            return False
        is_open = not isinstance(place, discord.Thread) or not place.is_private()
        return is_open or self._has(channel, _MANAGE_THREADS) or await self._is_in(place_id)

    def _has(self, channel: Channel, permissions: int) -> bool:
        if self.member.id == self.guild.owner_id:
            return True
        held = {role.id for role in self.member.roles}
        allow = _roles(self.guild).allow_person
        return allow(self.member.id, held, _access(channel), permissions)

    async def _is_in(self, thread_id: int) -> bool:
        try:
            await self.client.http.get_thread_member(thread_id, self.member.id)
        except (discord.NotFound, discord.Forbidden):
            return False
        return True


async def _channel(client: discord.Client, place: object) -> Channel | None:
    """Return the channel of a thread, or the channel itself."""
    if isinstance(place, discord.Thread):
        place = await client.fetch_channel(place.parent_id)
    return place if isinstance(place, discord.abc.GuildChannel) else None


async def _people_may_read(
    client: discord.Client, guild: discord.Guild, source: ChannelAccess, target: ChannelAccess
) -> bool:
    """Check the people who have overwrites of their own in one of the channels."""
    ours = {client.user.id} if client.user else set()
    people = {*source.people, *target.people} - ours - {guild.owner_id}
    unclear = [person for person in people if not _is_clear(person, source, target)]
    if len(unclear) > _MAX_PEOPLE:
        return False
    roles = _roles(guild)
    for person in unclear:
        try:
            member = await guild.fetch_member(person)
        except discord.NotFound:  # they left
            continue
        held = {role.id for role in member.roles}
        if not person_may_read(person, held, source, target, roles):
            return False
    return True


def _is_clear(person: int, source: ChannelAccess, target: ChannelAccess) -> bool:
    """Return whether a person's overwrites alone let them read the source, or hide the target."""
    nothing = Overwrite()
    reads = source.people.get(person, nothing).allow & source.reading == source.reading
    return reads or bool(target.people.get(person, nothing).deny & VIEW_CHANNEL)


def _reading(channel: Place) -> int:
    """Return the permissions needed to read a channel: a voice channel's text takes *Connect*."""
    is_voice = isinstance(channel, (discord.VoiceChannel, discord.StageChannel))
    return _READING | _CONNECT if is_voice else _READING


def _access(channel: Channel) -> ChannelAccess:
    roles: dict[int, Overwrite] = {}
    people: dict[int, Overwrite] = {}
    for who, overwrite in channel.overwrites.items():
        allow, deny = overwrite.pair()
        is_role = isinstance(who, discord.Role) or getattr(who, "type", None) is discord.Role
        (roles if is_role else people)[who.id] = Overwrite(allow.value, deny.value)
    return ChannelAccess(roles, people, _reading(channel))


def _roles(guild: discord.Guild) -> GuildRoles:
    return GuildRoles(guild.id, {role.id: role.permissions.value for role in guild.roles})


def _is_old_enough(source: Channel, target: Channel, guild: discord.Guild) -> bool:
    is_restricted = getattr(source, "is_nsfw", None)
    return not (is_restricted and is_restricted()) or is_age_checked(guild, target)
