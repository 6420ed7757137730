"""What a channel allows or denies to roles and members, on top of their permissions.

https://docs.discord.com/developers/topics/permissions#permission-overwrites
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.stand_ins.discord.permissions import NOTHING, Permission

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tests.stand_ins.discord.guilds import Role
    from tests.stand_ins.discord.people import Member
    from tests.stand_ins.discord.refusals import Json


@dataclass
class _Overwrite:
    is_member: bool
    allowed: Permission = NOTHING
    denied: Permission = NOTHING


@dataclass
class Overwrites:
    """One for each role or member that something was set for."""

    _by_id: dict[int, _Overwrite] = field(default_factory=dict)

    def deny(self, whom: Role | Member, permissions: Permission) -> None:
        found = self._of(whom)
        found.denied |= permissions
        found.allowed &= ~permissions

    def allow(self, whom: Role | Member, permissions: Permission) -> None:
        found = self._of(whom)
        found.allowed |= permissions
        found.denied &= ~permissions

    def apply(self, member: Member) -> Permission:
        """Return a member's permissions: first everybody's, then the roles', then the member's."""
        given = self._changed(member.permissions, [member.guild.id])
        given = self._changed(given, [role.id for role in member.roles])
        return self._changed(given, [member.user.id])

    def as_json(self) -> list[Json]:
        return [
            {
                "id": str(snowflake),
                "type": int(overwrite.is_member),
                "allow": str(int(overwrite.allowed)),
                "deny": str(int(overwrite.denied)),
            }
            for snowflake, overwrite in self._by_id.items()
        ]

    def _changed(self, given: Permission, ids: Iterable[int]) -> Permission:
        found = [self._by_id[snowflake] for snowflake in ids if snowflake in self._by_id]
        for overwrite in found:
            given &= ~overwrite.denied
        for overwrite in found:
            given |= overwrite.allowed
        return given

    def _of(self, whom: Role | Member) -> _Overwrite:
        is_member = hasattr(whom, "user")
        snowflake = whom.user.id if hasattr(whom, "user") else whom.id
        return self._by_id.setdefault(snowflake, _Overwrite(is_member))
