"""The gateway: sessions, and the sockets they are reached through.

https://docs.discord.com/developers/events/gateway
"""

from __future__ import annotations

import json
from enum import IntEnum
from typing import TYPE_CHECKING, Any

from aiohttp import WSMsgType, web

from tests.stand_ins.discord.connection import Connection
from tests.stand_ins.discord.events import PRIVILEGED, Intent
from tests.stand_ins.discord.sessions import Op, Session

if TYPE_CHECKING:
    from tests.stand_ins.discord.events import Event
    from tests.stand_ins.discord.refusals import Json
    from tests.stand_ins.discord.world import World

HEARTBEAT_MS = 41_250


class Close(IntEnum):
    """Why a socket is closed by Discord."""

    UNKNOWN_OP = 4001
    NOT_AUTHENTICATED = 4003
    AUTHENTICATION_FAILED = 4004
    INVALID_SHARD = 4010
    DISALLOWED_INTENTS = 4014


_CLEAN = (1000, 1001)


class Gateway:
    """All sessions and their sockets, and the disturbances a test may cause."""

    def __init__(self, world: World, token: str) -> None:
        self._world = world
        self._token = token
        self._repeat = 0
        self.url = ""
        self.sessions: dict[str, Session] = {}
        self.connections: set[Connection] = set()
        self.identifies: list[Json] = []
        self.resumes = 0
        self.heartbeats = 0
        self.presences: list[Json] = []
        world.listeners.append(self.publish)

    def publish(self, event: Event) -> None:
        for session in self.sessions.values():
            if session.hears(event):
                readable = bool(session.intents & Intent.MESSAGE_CONTENT)
                session.tell(event.name, event.render(readable))

    def connected(self) -> list[Session]:
        return [session for session in self.sessions.values() if session.connection]

    def complete(self) -> bool:
        """Whether every shard of those that identified has a socket now."""
        connected = {session.shard for session in self.connected()}
        return any(connected >= {(n, of) for n in range(of)} for _, of in connected)

    def send_reconnect(self, *, repeat: int = 0) -> None:
        """Ask every session to come back (op 7); the last ``repeat`` events are then told twice."""
        self._repeat = repeat
        self._send_all({"op": Op.RECONNECT, "d": None})

    def invalidate_sessions(self, *, resumable: bool = False) -> None:
        """Declare every session lost (op 9)."""
        self._send_all({"op": Op.INVALID_SESSION, "d": resumable})
        if not resumable:
            self.sessions.clear()

    def drop(self) -> None:
        """Cut every socket off without a word, as a network does (clients read 1006)."""
        for connection in tuple(self.connections):
            self._detach(connection)
            connection.abort()

    async def handle(self, request: web.Request) -> web.WebSocketResponse:
        """Serve one socket until it closes."""
        socket = web.WebSocketResponse(max_msg_size=0, timeout=1)
        await socket.prepare(request)
        connection = Connection(request, socket)
        self.connections.add(connection)
        connection.send(_frame(Op.HELLO, {"heartbeat_interval": HEARTBEAT_MS}))
        try:
            async with connection.sending():
                async for message in socket:
                    if message.type is WSMsgType.TEXT:
                        await self._receive(connection, json.loads(message.data))
        finally:
            self._leave(connection, clean=socket.close_code in _CLEAN)
        return socket

    async def _receive(self, connection: Connection, frame: Json) -> None:
        body: Any = frame.get("d")
        match frame["op"]:
            case Op.HEARTBEAT:
                self.heartbeats += 1
                connection.send(_frame(Op.HEARTBEAT_ACK, None))
            case Op.IDENTIFY:
                await self._identify(connection, body)
            case Op.RESUME:
                await self._resume(connection, body)
            case Op.PRESENCE | Op.VOICE | Op.REQUEST_MEMBERS if self._session_of(connection):
                self._other(connection, frame)
            case Op.PRESENCE | Op.VOICE | Op.REQUEST_MEMBERS:
                await connection.close(Close.NOT_AUTHENTICATED, "Not authenticated.")
            case _:
                await connection.close(Close.UNKNOWN_OP, "Unknown opcode.")

    async def _identify(self, connection: Connection, body: Json) -> None:
        self.identifies.append({name: value for name, value in body.items() if name != "token"})
        number, of = body.get("shard", (0, 1))
        allowed = Intent.MESSAGE_CONTENT if self._world.content_granted else Intent(0)
        asked = Intent(body["intents"])
        if body["token"] != self._token:
            await connection.close(Close.AUTHENTICATION_FAILED, "Authentication failed.")
        elif not 0 <= number < of:
            await connection.close(Close.INVALID_SHARD, "Invalid shard.")
        elif asked & PRIVILEGED & allowed != asked & PRIVILEGED:
            await connection.close(Close.DISALLOWED_INTENTS, "Disallowed intent(s).")
        else:
            self._open(Session((number, of), asked, connection))

    def _open(self, session: Session) -> None:
        number, of = session.shard
        known = (guild for guild in self._world.guilds.values() if guild.joined)
        guilds = [guild for guild in known if (guild.id >> 22) % of == number]
        session.tell("READY", self._ready(session, [guild.id for guild in guilds]))
        for guild in guilds:
            session.tell("GUILD_CREATE", guild.create_json())
        self.sessions[session.id] = session
        self._world.changes.notify()

    def _ready(self, session: Session, guilds: list[int]) -> Json:
        return {
            "v": 10,
            "user": self._world.bot.as_json() | {"verified": True, "mfa_enabled": False},
            "guilds": [{"id": str(guild), "unavailable": True} for guild in guilds],
            "session_id": session.id,
            "resume_gateway_url": self.url,
            "shard": list(session.shard),
            "application": {"id": str(self._world.bot.id), "flags": self._world.flags},
        }

    async def _resume(self, connection: Connection, body: Json) -> None:
        session = self.sessions.get(body["session_id"])
        if body["token"] != self._token:
            await connection.close(Close.AUTHENTICATION_FAILED, "Authentication failed.")
        elif session is None or body["seq"] > len(session.log):
            connection.send(_frame(Op.INVALID_SESSION, False))
        else:
            session.connection = connection
            session.replay(body["seq"], self._repeat)
            self.resumes += 1
            self._world.changes.notify()

    def _other(self, connection: Connection, frame: Json) -> None:
        session = self._session_of(connection)
        if frame["op"] == Op.PRESENCE:
            self.presences.append(frame["d"])
        elif frame["op"] == Op.REQUEST_MEMBERS and session is not None:
            session.tell("GUILD_MEMBERS_CHUNK", self._chunk(frame["d"]))
        self._world.changes.notify()

    def _chunk(self, asked: Json) -> Json:
        guild = self._world.guilds[int(asked["guild_id"])]
        named = asked.get("user_ids")
        ids = {int(i) for i in named} if isinstance(named, list) else None
        start = asked.get("query") or ""
        found = [
            member.as_json()
            for member in guild.members.values()
            if (ids is None or member.user.id in ids) and member.name.startswith(start)
        ]
        nonce = {"nonce": asked["nonce"]} if "nonce" in asked else {}
        place = {"guild_id": str(guild.id), "chunk_index": 0, "chunk_count": 1}
        return place | {"members": found, "not_found": [], "presences": []} | nonce

    def _session_of(self, connection: Connection) -> Session | None:
        for session in self.sessions.values():
            if session.connection is connection:
                return session
        return None

    def _leave(self, connection: Connection, *, clean: bool) -> None:
        session = self._detach(connection)
        # A client that closes cleanly gives its session up; any other close can be resumed.
        if session is not None and clean:
            self.sessions.pop(session.id, None)
        self._world.changes.notify()

    def _detach(self, connection: Connection) -> Session | None:
        self.connections.discard(connection)
        session = self._session_of(connection)
        if session is not None:
            session.connection = None
        return session

    def _send_all(self, frame: Json) -> None:
        for session in self.connected():
            assert session.connection is not None
            session.connection.send(json.dumps(frame))


def _frame(op: Op, body: object) -> str:
    return json.dumps({"op": op, "d": body})
