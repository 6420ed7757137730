"""A limit on what a host sends around a body, such as extensions of tiny chunks.

A host that keeps the minimum speed could otherwise send a thousand times as much as it counts.
"""

from __future__ import annotations

import socket
import struct
import sys
from typing import TYPE_CHECKING

from bot.errors import Unreachable

if TYPE_CHECKING:
    import aiohttp

# ``tcpi_bytes_received`` of ``struct tcp_info`` in Linux' include/uapi/linux/tcp.h.
_RECEIVED = struct.Struct("=128xQ")
# Bytes that may be in buffers on the way, of which the body is not counted yet.
_IN_BUFFERS = 64 * 1024 * 1024


class OverheadLimit:
    """Compares the bytes of a response's body with those its connection received (Linux)."""

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        transport = response.connection and response.connection.transport
        self._socket = transport.get_extra_info("socket") if transport else None
        self._before = self._received()

    def check(self, body: int) -> None:
        """Raise ``Unreachable`` if much more than the body has arrived."""
        if self._received() - self._before > 2 * body + _IN_BUFFERS:
            raise Unreachable(detail="the host sends mostly chunk extensions or other overhead")

    def _received(self) -> int:
        if self._socket is None or sys.platform != "linux":
            return 0
        try:
            info = self._socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _RECEIVED.size)
        except OSError:  # the connection was closed meanwhile
            return 0
        return int(_RECEIVED.unpack(info)[0]) if len(info) == _RECEIVED.size else 0
