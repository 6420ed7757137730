"""The gateway: a WebSocket server that shards connect to for their events.

https://docs.discord.com/developers/events/gateway
"""

from __future__ import annotations

import asyncio
import json
import zlib
from contextlib import asynccontextmanager, suppress
from enum import IntEnum
from typing import TYPE_CHECKING, Any

from aiohttp import WSMsgType, web

from loopback_discord.events import PRIVILEGED_INTENTS, Intent, Op, Session, shard_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from loopback_discord.api import Json
    from loopback_discord.events import Event
    from loopback_discord.model.state import State

_HEARTBEAT_MS = 41_250
# Closed with one of these by the client, a session is over; after any other code it can be resumed.
_SESSION_ENDING_CODES = (1000, 1001)


class CloseCode(IntEnum):
    """Why Discord closes a connection."""

    UNKNOWN_OPCODE = 4001
    NOT_AUTHENTICATED = 4003
    AUTHENTICATION_FAILED = 4004
    INVALID_SHARD = 4010
    DISALLOWED_INTENTS = 4014


class Connection:
    """A WebSocket with a queue of frames to send, so that sending an event never waits.

    Frames are plain text, or zlib-stream if the client asked for it.
    """

    def __init__(self, request: web.Request, socket: web.WebSocketResponse) -> None:
        self._request = request
        self._socket = socket
        self._queue: asyncio.Queue[str] = asyncio.Queue()
        is_compressed = request.query.get("compress") == "zlib-stream"
        self._compressor = zlib.compressobj() if is_compressed else None

    def send(self, frame: str) -> None:
        self._queue.put_nowait(frame)

    async def close(self, code: CloseCode, reason: str) -> None:
        await self._socket.close(code=code, message=reason.encode())

    def abort(self) -> None:
        """Cut the connection without a closing handshake."""
        if self._request.transport is not None:
            self._request.transport.abort()

    @asynccontextmanager
    async def sending(self) -> AsyncIterator[None]:
        """Send queued frames while the block runs."""
        task = asyncio.create_task(self._send_queued())
        try:
            yield
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError, ConnectionError):
                await task

    async def _send_queued(self) -> None:
        while True:
            frame = await self._queue.get()
            if self._compressor is None:
                await self._socket.send_str(frame)
            else:
                compressed = self._compressor.compress(frame.encode())
                compressed += self._compressor.flush(zlib.Z_SYNC_FLUSH)
                await self._socket.send_bytes(compressed)


class Gateway:
    """All sessions and connections, and the failures that a test can cause.

    ``identifies`` has the body of every identify, without the token.
    """

    def __init__(self, state: State, token: str) -> None:
        self._state = state
        self._token = token
        self._repeat = 0
        self.url = ""
        self.sessions: dict[str, Session] = {}
        self.connections: set[Connection] = set()
        self.identifies: list[Json] = []
        self.resumes = 0
        state.listeners.append(self.publish)

    def publish(self, event: Event) -> None:
        for session in self.sessions.values():
            if session.receives(event):
                content_allowed = bool(session.intents & Intent.MESSAGE_CONTENT)
                session.send(event.name, event.body(content_allowed))

    def connected(self) -> list[Session]:
        return [session for session in self.sessions.values() if session.connection]

    def is_complete(self) -> bool:
        """Return whether every shard of the bot is connected."""
        connected = {session.shard for session in self.connected()}
        return any(connected >= {(n, count) for n in range(count)} for _, count in connected)

    def send_reconnect(self, *, repeat: int = 0) -> None:
        """Ask every shard to reconnect (op 7); its last ``repeat`` events are then sent twice."""
        self._repeat = repeat
        self._send_all(_frame(Op.RECONNECT, None))

    def invalidate_sessions(self, *, resumable: bool = False) -> None:
        """Invalidate every session (op 9)."""
        self._send_all(_frame(Op.INVALID_SESSION, resumable))
        if not resumable:
            self.sessions.clear()

    def drop_connections(self) -> None:
        """Cut every connection without a closing handshake; clients see close code 1006."""
        for connection in tuple(self.connections):
            self._detach(connection)
            connection.abort()

    async def handle(self, request: web.Request) -> web.WebSocketResponse:
        """Serve one connection until it closes."""
        socket = web.WebSocketResponse(max_msg_size=0, timeout=1)
        await socket.prepare(request)
        connection = Connection(request, socket)
        self.connections.add(connection)
        connection.send(_frame(Op.HELLO, {"heartbeat_interval": _HEARTBEAT_MS}))
        try:
            async with connection.sending():
                async for message in socket:
                    if message.type is WSMsgType.TEXT:
                        await self._receive(connection, json.loads(message.data))
        finally:
            self._disconnect(connection, ends_session=socket.close_code in _SESSION_ENDING_CODES)
        return socket

    async def _receive(self, connection: Connection, frame: Json) -> None:
        body: Any = frame.get("d")
        session = self._session_of(connection)
        match frame["op"]:
            case Op.HEARTBEAT:
                connection.send(_frame(Op.HEARTBEAT_ACK, None))
            case Op.IDENTIFY:
                await self._identify(connection, body)
            case Op.RESUME:
                await self._resume(connection, body)
            case Op.REQUEST_GUILD_MEMBERS if session is not None:
                session.send("GUILD_MEMBERS_CHUNK", self._members_chunk(body))
            case Op.PRESENCE_UPDATE | Op.VOICE_STATE_UPDATE if session is not None:
                pass
            case Op.PRESENCE_UPDATE | Op.VOICE_STATE_UPDATE | Op.REQUEST_GUILD_MEMBERS:
                await connection.close(CloseCode.NOT_AUTHENTICATED, "Not authenticated.")
            case _:
                await connection.close(CloseCode.UNKNOWN_OPCODE, "Unknown opcode.")

    async def _identify(self, connection: Connection, body: Json) -> None:
        self.identifies.append({name: value for name, value in body.items() if name != "token"})
        number, count = body.get("shard", (0, 1))
        granted = Intent.MESSAGE_CONTENT if self._state.content_granted else Intent(0)
        intents = Intent(body["intents"])
        if body["token"] != self._token:
            await connection.close(CloseCode.AUTHENTICATION_FAILED, "Authentication failed.")
        elif not 0 <= number < count:
            await connection.close(CloseCode.INVALID_SHARD, "Invalid shard.")
        elif intents & PRIVILEGED_INTENTS & ~granted:
            await connection.close(CloseCode.DISALLOWED_INTENTS, "Disallowed intent(s).")
        else:
            self._start(Session((number, count), intents, connection))

    def _start(self, session: Session) -> None:
        number, count = session.shard
        guilds = [
            guild
            for guild in self._state.guilds.values()
            if guild.joined and shard_of(guild.id, count) == number
        ]
        session.send("READY", self._ready(session, [guild.id for guild in guilds]))
        for guild in guilds:
            session.send("GUILD_CREATE", guild.create_json())
        self.sessions[session.id] = session
        self._state.changes.notify()

    def _ready(self, session: Session, guild_ids: list[int]) -> Json:
        return {
            "v": 10,
            "user": self._state.bot.to_json() | {"verified": True, "mfa_enabled": False},
            "guilds": [{"id": str(guild), "unavailable": True} for guild in guild_ids],
            "session_id": session.id,
            "resume_gateway_url": self.url,
            "shard": list(session.shard),
            "application": {
                "id": str(self._state.bot.id),
                "flags": self._state.application_flags,
            },
        }

    async def _resume(self, connection: Connection, body: Json) -> None:
        session = self.sessions.get(body["session_id"])
        if body["token"] != self._token:
            await connection.close(CloseCode.AUTHENTICATION_FAILED, "Authentication failed.")
        elif session is None or body["seq"] > len(session.sent):
            connection.send(_frame(Op.INVALID_SESSION, False))
        else:
            session.resume(connection, body["seq"], self._repeat)
            self.resumes += 1
            self._state.changes.notify()

    def _members_chunk(self, request: Json) -> Json:
        guild = self._state.guilds[int(request["guild_id"])]
        user_ids = request.get("user_ids")
        wanted = {int(i) for i in user_ids} if isinstance(user_ids, list) else None
        prefix = request.get("query") or ""
        members = [
            member.to_json()
            for member in guild.members.values()
            if (wanted is None or member.user.id in wanted) and member.name.startswith(prefix)
        ]
        nonce = {"nonce": request["nonce"]} if "nonce" in request else {}
        chunk = {"guild_id": str(guild.id), "chunk_index": 0, "chunk_count": 1}
        return chunk | {"members": members, "not_found": [], "presences": []} | nonce

    def _session_of(self, connection: Connection) -> Session | None:
        for session in self.sessions.values():
            if session.connection is connection:
                return session
        return None

    def _disconnect(self, connection: Connection, *, ends_session: bool) -> None:
        session = self._detach(connection)
        if session is not None and ends_session:
            self.sessions.pop(session.id, None)
        self._state.changes.notify()

    def _detach(self, connection: Connection) -> Session | None:
        self.connections.discard(connection)
        session = self._session_of(connection)
        if session is not None:
            session.connection = None
        return session

    def _send_all(self, frame: str) -> None:
        for session in self.sessions.values():
            if session.connection is not None:
                session.connection.send(frame)


def _frame(op: Op, body: object) -> str:
    return json.dumps({"op": op, "d": body})
