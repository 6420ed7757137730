"""Whether everybody who sees one channel may also read another one.

It is Discord's algorithm for permissions, over all combinations of roles that somebody could have:
without a privileged intent, no bot knows who has which.
https://docs.discord.com/developers/topics/permissions#permission-overwrites
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import product
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

ADMINISTRATOR = 1 << 3
VIEW_CHANNEL = 1 << 10


@dataclass(frozen=True, slots=True)
class Overwrite:
    """What a channel allows and denies to a role or a person: bits of permissions."""

    allow: int = 0
    deny: int = 0

    def only(self, permissions: int) -> tuple[int, int]:
        """Return what is allowed and denied of some permissions."""
        return self.allow & permissions, self.deny & permissions


@dataclass(frozen=True, slots=True)
class ChannelAccess:
    """Who gets into a channel: its overwrites by the ID of a role or a person.

    ``reading`` are the permissions that are needed to read its messages.
    """

    roles: Mapping[int, Overwrite] = field(default_factory=dict)
    people: Mapping[int, Overwrite] = field(default_factory=dict)
    reading: int = VIEW_CHANNEL
    age_restricted: bool = False


@dataclass(frozen=True, slots=True)
class GuildRoles:
    """The permissions of a server's roles by ID; ``everyone`` is the role that all members have."""

    everyone: int
    permissions: Mapping[int, int]

    def allow(self, held: Collection[int], channel: ChannelAccess, needed: int) -> bool:
        """Return whether somebody with these roles has permissions in a channel."""
        return self._has(held, channel, needed, Overwrite())

    def allow_person(
        self, person: int, held: Collection[int], channel: ChannelAccess, needed: int
    ) -> bool:
        """Return the same for a person, who may have an overwrite of their own."""
        return self._has(held, channel, needed, channel.people.get(person, Overwrite()))

    def _has(
        self, held: Collection[int], channel: ChannelAccess, needed: int, own: Overwrite
    ) -> bool:
        base = self.permissions.get(self.everyone, 0)
        allow = deny = 0
        for role in held:
            base |= self.permissions.get(role, 0)
            if role != self.everyone:
                overwrite = channel.roles.get(role, _NOTHING)
                allow, deny = allow | overwrite.allow, deny | overwrite.deny
        if base & ADMINISTRATOR:
            return True
        everyone = channel.roles.get(self.everyone, _NOTHING)
        for each in (everyone, Overwrite(allow, deny), own):
            base = base & ~each.deny | each.allow
        return base & needed == needed


_NOTHING = Overwrite()


def all_may_read(source: ChannelAccess, target: ChannelAccess, roles: GuildRoles) -> bool:
    """Return whether roles let nobody see ``target`` without letting them read ``source``.

    One role is enough to see the target, and one more to be kept out of the source: so all
    combinations of two are all that matter. People with overwrites of their own are not considered.
    """
    candidates = list(_candidates(source, target, roles))
    return not any(
        roles.allow(pair, target, VIEW_CHANNEL) and not roles.allow(pair, source, source.reading)
        for pair in product(candidates, candidates)
    )


def person_may_read(
    person: int,
    held: Collection[int],
    source: ChannelAccess,
    target: ChannelAccess,
    roles: GuildRoles,
) -> bool:
    """Return whether a person may read ``source``, or doesn't see ``target`` either."""
    return roles.allow_person(person, held, source, source.reading) or not roles.allow_person(
        person, held, target, VIEW_CHANNEL
    )


def _candidates(source: ChannelAccess, target: ChannelAccess, roles: GuildRoles) -> Iterator[int]:
    """Yield the roles to combine: one of each kind that makes a difference."""
    relevant = ADMINISTRATOR | VIEW_CHANNEL | source.reading
    kinds: set[tuple[int, ...]] = set()
    for role in (roles.everyone, *roles.permissions):
        kind = (
            roles.permissions.get(role, 0) & relevant,
            *target.roles.get(role, _NOTHING).only(VIEW_CHANNEL),
            *source.roles.get(role, _NOTHING).only(source.reading),
        )
        if role == roles.everyone or kind not in kinds:
            kinds.add(kind)
            yield role
