"""The networks this machine is in. Links from strangers must not reach them.

At home, the addresses of a router or a printer are often global IPv6 addresses, and a router also
answers at the public IPv4 address of the house. Neither looks private.
"""

from __future__ import annotations

import asyncio
import time
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from socket import AF_INET, AF_INET6, AddressFamily
from typing import TYPE_CHECKING

import aiohttp
import psutil  # type: ignore[import-untyped]  # its stubs are a package of their own
import structlog
from yarl import URL

if TYPE_CHECKING:
    from collections.abc import Iterator

    Address = IPv4Address | IPv6Address
    Network = IPv4Network | IPv6Network

_MAX_AGE = 600.0  # seconds; a router may get another address at any time
_TIMEOUT = aiohttp.ClientTimeout(total=3)
_MAX_RESPONSE = 4096
_SUBNET_V6 = 64  # RFC 4291, 2.5.1: the length of nearly every subnet's prefix
_LINE = "ip="


class OwnNetworks:
    """The networks of this machine's interfaces, read again each time, and its public addresses.

    The public addresses differ from those of the interfaces behind a router or in a container.
    They are asked of ``public_address_url``, if there is one: a page with a line ``ip=ADDRESS``,
    as Cloudflare serves it for every host behind it.
    """

    def __init__(self, public_address_url: str | None = None) -> None:
        self._url = public_address_url
        self._public: dict[int, Network] = {}
        self._interfaces: frozenset[Network] = frozenset()
        self._expires = 0.0
        self._lock = asyncio.Lock()
        self._log = structlog.get_logger("framehound.network")

    def contains(self, address: str) -> bool:
        """Return whether an address is in one of the networks."""
        parsed = ip_address(address)
        return any(parsed in network for network in (*interface_networks(), *self._public.values()))

    async def refresh(self) -> None:
        """Ask for the public addresses if they may have changed; keep the known ones if that fails.

        They may have changed with the interfaces, or after some minutes.
        """
        if self._url is None:
            return
        async with self._lock:
            interfaces = frozenset(interface_networks())
            if interfaces == self._interfaces and time.monotonic() < self._expires:
                return
            await asyncio.gather(*(self._ask(self._url, family) for family in _families(self._url)))
            self._interfaces, self._expires = interfaces, time.monotonic() + _MAX_AGE

    async def _ask(self, url: str, family: AddressFamily) -> None:
        try:
            connector = aiohttp.TCPConnector(family=family)
            async with (
                aiohttp.ClientSession(connector=connector, timeout=_TIMEOUT) as session,
                session.get(url, allow_redirects=False) as response,
            ):
                answer = await response.content.read(_MAX_RESPONSE)
            network = _public_network(answer.decode("ascii", "replace"))
            self._public[network.version] = network
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            self._log.debug("public address unknown", family=family, reason=repr(error))


def interface_networks() -> Iterator[Network]:
    """Yield the networks of all interfaces."""
    for addresses in psutil.net_if_addrs().values():
        for each in addresses:
            if each.family in {AF_INET, AF_INET6}:
                yield _network(ip_address(each.address.partition("%")[0]), each.netmask)


def _network(address: Address, netmask: str | None) -> Network:
    """Return the network of an address, or only the address if its mask has no bits."""
    # The ipaddress module reads masks of IPv4 only.
    length = int(ip_address(netmask or 0)).bit_count()
    return ip_network(f"{address}/{length or address.max_prefixlen}", strict=False)


def _families(url: str) -> list[AddressFamily]:
    """Return the families that a URL's host can have: both, unless it is an address itself."""
    host = URL(url).host or ""
    try:
        return [AF_INET6 if ip_address(host).version == 6 else AF_INET]  # noqa: PLR2004 - IPv6
    except ValueError:
        return [AF_INET, AF_INET6]


def _public_network(answer: str) -> Network:
    """Return our address as others see it, with its subnet on IPv6; raises ``ValueError``."""
    found = [line[len(_LINE) :].strip() for line in answer.splitlines() if line.startswith(_LINE)]
    address = ip_address(found[0] if found else "")
    length = _SUBNET_V6 if isinstance(address, IPv6Address) else address.max_prefixlen
    return ip_network(f"{address}/{length}", strict=False)
