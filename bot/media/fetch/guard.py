"""HTTP sessions that reach public addresses only.

The check stands in the socket factory, which is handed the very address about to be connected
to, whether it came from a name, a literal, a redirect or a cache; so there is no gap between the
address checked and the address used. The resolver in front of it refuses a name as soon as any
of its answers is not public.
"""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Any

import aiohttp
from aiohttp.resolver import ThreadedResolver

from bot.media.fetch.addresses import is_public

if TYPE_CHECKING:
    from aiohttp.abc import ResolveResult

TIMEOUTS = aiohttp.ClientTimeout(total=300, sock_connect=10, sock_read=20)
"""Five minutes for a clip, ten seconds to connect, twenty without a byte."""


class AddressRefusedError(OSError):
    """An address was not public. Equal texts let the connector report several as one."""

    def __init__(self) -> None:
        super().__init__("the address is not public")


class _PublicResolver(ThreadedResolver):
    """Refuses a name with any answer that is not public."""

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        answers = await super().resolve(host, port, family)
        if not all(is_public(answer["host"]) for answer in answers):
            raise AddressRefusedError
        return answers


def guarded_session(timeouts: aiohttp.ClientTimeout) -> aiohttp.ClientSession:
    """Return a session for strangers' links: public addresses, no cookies, no proxy."""
    connector = aiohttp.TCPConnector(
        resolver=_PublicResolver(), socket_factory=_public_socket, limit_per_host=8
    )
    return _session(connector, timeouts)


def unguarded_session(timeouts: aiohttp.ClientTimeout) -> aiohttp.ClientSession:
    """Return the same session without the address check, for hosts the operator named."""
    return _session(aiohttp.TCPConnector(), timeouts)


def _session(
    connector: aiohttp.BaseConnector, timeouts: aiohttp.ClientTimeout
) -> aiohttp.ClientSession:
    return aiohttp.ClientSession(
        connector=connector,
        timeout=timeouts,
        trust_env=False,
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,
        headers={"Accept-Encoding": "identity", "User-Agent": "Framehound"},
        read_bufsize=256 * 1024,
    )


def _public_socket(address: tuple[Any, ...]) -> socket.socket:
    """Open a socket for one answer of getaddrinfo, if its address is public."""
    family, kind, protocol, _name, (host, *_port) = address
    if not is_public(host):
        raise AddressRefusedError
    return socket.socket(family=family, type=kind, proto=protocol)
