"""Gateway events, the intents they need, and the sessions that receive them.

https://docs.discord.com/developers/events/gateway
"""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass, field
from enum import IntEnum, IntFlag
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from loopback_discord.api import Json
    from loopback_discord.gateway import Connection


class Intent(IntFlag):
    """Groups of events; a session receives those it asks for."""

    GUILDS = 1 << 0
    GUILD_MEMBERS = 1 << 1
    GUILD_PRESENCES = 1 << 8
    GUILD_MESSAGES = 1 << 9
    GUILD_MESSAGE_REACTIONS = 1 << 10
    DIRECT_MESSAGES = 1 << 12
    DIRECT_MESSAGE_REACTIONS = 1 << 13
    MESSAGE_CONTENT = 1 << 15


PRIVILEGED_INTENTS = Intent.GUILD_MEMBERS | Intent.GUILD_PRESENCES | Intent.MESSAGE_CONTENT
NO_INTENT = Intent(0)


class Op(IntEnum):
    """Gateway opcodes."""

    DISPATCH = 0
    HEARTBEAT = 1
    IDENTIFY = 2
    PRESENCE_UPDATE = 3
    VOICE_STATE_UPDATE = 4
    RESUME = 6
    RECONNECT = 7
    REQUEST_GUILD_MEMBERS = 8
    INVALID_SESSION = 9
    HELLO = 10
    HEARTBEAT_ACK = 11


@dataclass(frozen=True)
class Event:
    """A gateway event.

    ``body`` returns its JSON; the argument tells whether the receiving session has the message
    content intent.
    """

    name: str
    guild_id: int | None
    intent: Intent
    body: Callable[[bool], Json]


def fixed_event(name: str, guild_id: int | None, intent: Intent, body: Json) -> Event:
    """Return an event that is the same with and without the message content intent."""
    return Event(name, guild_id, intent, lambda _content_allowed: body)


def shard_of(guild_id: int | None, shard_count: int) -> int:
    """Return the shard that receives a guild's events; direct messages arrive on shard 0.

    https://docs.discord.com/developers/events/gateway#sharding
    """
    return 0 if guild_id is None else (guild_id >> 22) % shard_count


@dataclass(eq=False)
class Session:
    """A shard's session: every event sent to it is kept, so that it can be resumed.

    It outlives its connection, which is None while the shard is disconnected.
    """

    shard: tuple[int, int]
    intents: Intent
    connection: Connection | None
    id: str = field(default_factory=lambda: secrets.token_hex(16))
    sent: list[str] = field(default_factory=list, repr=False)

    def receives(self, event: Event) -> bool:
        number, count = self.shard
        is_own_shard = shard_of(event.guild_id, count) == number
        return is_own_shard and event.intent & self.intents == event.intent

    def send(self, name: str, body: Json) -> None:
        frame = {"op": Op.DISPATCH, "t": name, "s": len(self.sent) + 1, "d": body}
        self.sent.append(json.dumps(frame))
        if self.connection is not None:
            self.connection.send(self.sent[-1])

    def resume(self, connection: Connection, sequence: int, repeat: int) -> None:
        """Send the events after ``sequence`` again, and ``repeat`` events from before it."""
        self.connection = connection
        for frame in self.sent[max(0, sequence - repeat) :]:
            connection.send(frame)
        self.send("RESUMED", {"_trace": []})
