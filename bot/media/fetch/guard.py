"""HTTP sessions that connect to public addresses only (protection against SSRF).

The check is in the socket factory, which gets the very address about to be connected to, whether it
came from a name, a literal, a redirect or a cache. So the address that is checked is always the one
that is used. In addition, the resolver refuses a name if any of its addresses is not public.
Addresses in our own networks never count as public.
"""

from __future__ import annotations

import socket
from functools import partial
from typing import TYPE_CHECKING, Any

import aiohttp
from aiohttp.resolver import ThreadedResolver

from bot.media.fetch.addresses import is_public

if TYPE_CHECKING:
    from aiohttp.abc import ResolveResult

    from bot.media.fetch.own_networks import OwnNetworks

TIMEOUTS = aiohttp.ClientTimeout(total=300, sock_connect=10, sock_read=20)
"""Five minutes in all, ten seconds to connect, twenty seconds without a byte."""


class AddressRefusedError(OSError):
    """An address was not public. All have the same text, so the connector reports them as one."""

    def __init__(self) -> None:
        super().__init__("address isn't public")


class _PublicResolver(ThreadedResolver):
    """Refuses a name if any of its addresses is not public."""

    def __init__(self, own: OwnNetworks) -> None:
        super().__init__()
        self._own = own

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        answers = await super().resolve(host, port, family)
        for answer in answers:
            _require_public(answer["host"], self._own)
        return answers


def guarded_session(timeouts: aiohttp.ClientTimeout, own: OwnNetworks) -> aiohttp.ClientSession:
    """Return a session for links from strangers: public addresses, no cookies, no proxy.

    Addresses in our ``own`` networks are refused.
    """
    # Downloads are bounded by DownloadSlots: a pool of connections would be filled by slow hosts.
    connector = aiohttp.TCPConnector(
        resolver=_PublicResolver(own), socket_factory=partial(_public_socket, own), limit=0
    )
    return _session(connector, timeouts)


def unguarded_session(timeouts: aiohttp.ClientTimeout) -> aiohttp.ClientSession:
    """Return the same session without the address check, for hosts that the operator allows."""
    return _session(aiohttp.TCPConnector(limit=0), timeouts)


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


def _require_public(host: str, own: OwnNetworks) -> None:
    if not is_public(host) or own.contains(host):
        raise AddressRefusedError


def _public_socket(own: OwnNetworks, address: tuple[Any, ...]) -> socket.socket:
    """Open a socket for one result of getaddrinfo, if its address is public."""
    family, kind, protocol, _name, (host, *_port) = address
    _require_public(host, own)
    return socket.socket(family=family, type=kind, proto=protocol)
