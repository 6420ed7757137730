"""What one shard is told, kept so that it can be told again.

https://docs.discord.com/developers/events/gateway#resuming
"""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass, field
from enum import IntEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.stand_ins.discord.connection import Connection
    from tests.stand_ins.discord.events import Event, Intent
    from tests.stand_ins.discord.refusals import Json


class Op(IntEnum):
    """What a frame is for."""

    DISPATCH = 0
    HEARTBEAT = 1
    IDENTIFY = 2
    PRESENCE = 3
    VOICE = 4
    RESUME = 6
    RECONNECT = 7
    REQUEST_MEMBERS = 8
    INVALID_SESSION = 9
    HELLO = 10
    HEARTBEAT_ACK = 11


@dataclass(eq=False)
class Session:
    """What one shard is told; it outlives its socket, so that it can be resumed."""

    shard: tuple[int, int]
    intents: Intent
    connection: Connection | None
    id: str = field(default_factory=lambda: secrets.token_hex(16))
    log: list[str] = field(default_factory=list, repr=False)

    def hears(self, event: Event) -> bool:
        number, of = self.shard
        # Direct messages arrive on shard 0: https://docs.discord.com/developers/events/gateway#sharding
        wanted = 0 if event.guild_id is None else (event.guild_id >> 22) % of
        return wanted == number and event.intent & self.intents == event.intent

    def tell(self, name: str, body: Json) -> None:
        frame = {"op": Op.DISPATCH, "t": name, "s": len(self.log) + 1, "d": body}
        self.log.append(json.dumps(frame))
        if self.connection is not None:
            self.connection.send(self.log[-1])

    def replay(self, seen: int, repeat: int) -> None:
        """Send again what came after ``seen``, and ``repeat`` events that came before too."""
        assert self.connection is not None
        for frame in self.log[max(0, seen - repeat) :]:
            self.connection.send(frame)
        self.tell("RESUMED", {"_trace": []})
