"""Whom a message pings: https://docs.discord.com/developers/resources/message#allowed-mentions-object."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.stand_ins.discord.refusals import Json

_USER, _ROLE, _EVERYBODY = (
    re.compile(text) for text in (r"<@!?(\d+)>", r"<@&(\d+)>", "@everyone|@here")
)


@dataclass(frozen=True)
class Pinged:
    """Ids of those who are told of a message."""

    users: frozenset[int]
    roles: frozenset[int]
    everyone: bool


def pinged(content: str, allowed: Json | None, replied_to: int | None) -> Pinged:
    """Read mentions out of ``content`` and keep those ``allowed`` lets through.

    Without ``allowed`` everything in the content pings, and so does a reply.
    """
    users = _ids(_USER, content) & _permitted("users", _ids(_USER, content), allowed)
    roles = _ids(_ROLE, content) & _permitted("roles", _ids(_ROLE, content), allowed)
    everyone = bool(_EVERYBODY.search(content))
    if allowed is not None:
        everyone = everyone and "everyone" in allowed.get("parse", ())
    if replied_to is not None and (allowed is None or allowed.get("replied_user", False)):
        users |= {replied_to}
    return Pinged(users, roles, everyone)


def _ids(pattern: re.Pattern[str], content: str) -> frozenset[int]:
    return frozenset(int(found) for found in pattern.findall(content))


def _permitted(kind: str, found: frozenset[int], allowed: Json | None) -> frozenset[int]:
    if allowed is None or kind in allowed.get("parse", ()):
        return found
    return frozenset(int(snowflake) for snowflake in allowed.get(kind) or ())
