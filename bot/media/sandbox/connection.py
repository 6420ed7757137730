"""The connections to a fork server and to the process of a task, as lines of JSON."""

from __future__ import annotations

import asyncio
import json
import socket
from typing import TYPE_CHECKING, Any, Self

from bot.errors import Damaged

if TYPE_CHECKING:
    from types import TracebackType

_MAX_ALL_MESSAGES = 2  # times the size of the longest message
_CHUNK = 4096


class EndedError(Exception):
    """The process at the other end closed the connection."""


class Connection:
    """The connection to the process of one task, which an attacker may have taken over.

    All its messages together are bounded, as reading them takes time that the event loop has for
    nothing else.
    """

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, max_message: int
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._left = _MAX_ALL_MESSAGES * max_message

    async def __aenter__(self) -> Self:
        """Return the connection itself."""
        return self

    async def __aexit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        """Close the connection."""
        self.close()

    def close(self) -> None:
        """Close the connection, whatever is still on its way."""
        self._writer.transport.abort()

    async def send(self, message: dict[str, Any]) -> None:
        """Send one message."""
        self._writer.write(json.dumps(message).encode() + b"\n")
        await self._writer.drain()

    async def receive(self) -> dict[str, Any]:
        """Read one message; raises ``Damaged`` if it is none, and ``EndedError``."""
        try:
            line = await self._reader.readline()
            if not line.endswith(b"\n"):
                raise EndedError
            self._left -= len(line)
            if self._left < 0:
                raise Damaged(detail="the child sent too many messages")
            message = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise Damaged(detail=f"the child sent an invalid message: {error}") from None
        if not isinstance(message, dict):
            raise Damaged(detail="the child sent no message")
        return message


class Control:
    """The connection to a fork server, which runs nothing but our own code."""

    def __init__(self, ours: socket.socket) -> None:
        ours.setblocking(False)
        self._socket = ours
        self._received = b""

    @classmethod
    def pair(cls) -> tuple[Self, socket.socket]:
        """Return the connection, and the socket for the server."""
        ours, theirs = socket.socketpair()
        return cls(ours), theirs

    def close(self) -> None:
        """Close the connection."""
        self._socket.close()

    async def connect(self, command: dict[str, Any], max_message: int) -> Connection:
        """Have the server start a process for a command; return the connection to that process."""
        written = json.dumps(command)
        ours, theirs = socket.socketpair()
        with theirs:
            reader, writer = await asyncio.open_connection(sock=ours, limit=max_message)
            connection = Connection(reader, writer, max_message)
            try:
                socket.send_fds(self._socket, [b"+"], [theirs.fileno()])
            except OSError:
                connection.close()
                raise ConnectionError("the fork server is gone") from None
        writer.write(written.encode() + b"\n")
        return connection

    async def receive(self) -> dict[str, Any]:
        """Read one message; raises ``EndedError``."""
        loop = asyncio.get_running_loop()
        while b"\n" not in self._received:
            chunk = await loop.sock_recv(self._socket, _CHUNK)
            if not chunk:
                raise EndedError
            self._received += chunk
        line, _, self._received = self._received.partition(b"\n")
        message: dict[str, Any] = json.loads(line)
        return message
