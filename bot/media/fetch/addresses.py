"""Which IP addresses links from strangers may lead to."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

# https://www.iana.org/assignments/iana-ipv4-special-registry, as whole blocks, even those with a
# single reachable address. 224.0.0.0/3 is multicast and reserved. 168.63.129.16 looks public but is
# Azure's service address inside the host.
_SPECIAL_V4 = tuple(
    IPv4Network(block)
    for block in (
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "168.63.129.16/32",
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.31.196.0/24",
        "192.52.193.0/24",
        "192.88.99.0/24",
        "192.168.0.0/16",
        "192.175.48.0/24",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/3",
    )
)
_GLOBAL_V6 = IPv6Network("2000::/3")
# https://www.iana.org/assignments/iana-ipv6-special-registry within 2000::/3: protocol
# assignments (Teredo, benchmarking, ORCHID, AS112 …), documentation, 6to4, segment routing.
_SPECIAL_V6 = tuple(
    IPv6Network(block)
    for block in ("2001::/23", "2001:db8::/32", "2002::/16", "2620:4f:8000::/48", "3fff::/20")
)


def is_public(address: str) -> bool:
    """Return whether an IP address, in the form a socket gets it, is on the public internet.

    IPv6 addresses that carry an IPv4 address (mapped, compatible, translated, NAT64, 6to4, Teredo)
    are never public: all of them lie outside 2000::/3 or in its special blocks.
    """
    try:
        parsed = ip_address(address)
    except ValueError:
        return False
    if isinstance(parsed, IPv4Address):
        return not any(parsed in block for block in _SPECIAL_V4)
    return _is_public_v6(parsed)


def _is_public_v6(address: IPv6Address) -> bool:
    if address.scope_id or address not in _GLOBAL_V6:
        return False
    return not any(address in block for block in _SPECIAL_V6)
