"""What the gateway announces, and which intent a session needs to hear of it.

https://docs.discord.com/developers/events/gateway#list-of-intents
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntFlag
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.stand_ins.discord.refusals import Json


class Intent(IntFlag):
    """Groups of events a session asks for."""

    GUILDS = 1 << 0
    GUILD_MEMBERS = 1 << 1
    GUILD_PRESENCES = 1 << 8
    GUILD_MESSAGES = 1 << 9
    GUILD_MESSAGE_REACTIONS = 1 << 10
    DIRECT_MESSAGES = 1 << 12
    DIRECT_MESSAGE_REACTIONS = 1 << 13
    MESSAGE_CONTENT = 1 << 15


PRIVILEGED = Intent.GUILD_MEMBERS | Intent.GUILD_PRESENCES | Intent.MESSAGE_CONTENT
ALWAYS = Intent(0)


@dataclass(frozen=True)
class Event:
    """One event; ``render`` is told whether its reader may see what people wrote."""

    name: str
    guild_id: int | None
    intent: Intent
    render: Callable[[bool], Json]


def plain(name: str, guild_id: int | None, intent: Intent, body: Json) -> Event:
    """Return an event that reads the same for everybody."""
    return Event(name, guild_id, intent, lambda _readable: body)
