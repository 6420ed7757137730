"""Links must not reach the networks that the bot is in, although their addresses are global."""

from __future__ import annotations

import socket
from contextlib import asynccontextmanager
from ipaddress import ip_interface
from typing import TYPE_CHECKING, Any

import psutil  # type: ignore[import-untyped]  # its stubs are a package of their own
import pytest
from aiohttp import web

from bot.domain.progress import ignore_progress
from bot.errors import AddressNotPublic
from bot.media.fetch.download import Fetcher
from bot.media.fetch.guard import TIMEOUTS, guarded_session
from bot.media.fetch.own_networks import OwnNetworks

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from ipaddress import IPv4Interface, IPv6Interface
    from pathlib import Path

ROUTER_V6, NEIGHBOUR_V4, ELSEWHERE = "2a02:8109:1:2::1", "91.64.10.9", "2a02:8109:1:3::1"


class Machine:
    """The interfaces of a machine, which a test may change."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.interfaces: list[IPv4Interface | IPv6Interface] = []
        monkeypatch.setattr(psutil, "net_if_addrs", self._addresses)

    def use(self, *interfaces: str) -> None:
        self.interfaces = [ip_interface(each) for each in interfaces]

    def _addresses(self) -> dict[str, list[Any]]:
        return {
            "eth0": [
                psutil._ntuples.snicaddr(
                    socket.AF_INET if each.version == 4 else socket.AF_INET6,
                    *(str(each.ip), str(each.netmask), None, None),
                )
                for each in self.interfaces
            ]
        }


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    return Machine(monkeypatch)


@asynccontextmanager
async def answering(*answers: str) -> AsyncIterator[str]:
    """Serve our public address; the last answer is repeated."""
    upcoming = list(answers)

    async def answer(_request: web.Request) -> web.Response:
        return web.Response(text=upcoming.pop(0) if len(upcoming) > 1 else upcoming[0])

    app = web.Application()
    app.router.add_get("/cdn-cgi/trace", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/cdn-cgi/trace"
    finally:
        await runner.cleanup()


async def fetch(link: str, tmp_path: Path, own: OwnNetworks | None = None) -> None:
    async with Fetcher(own=own) as fetcher:
        await fetcher.fetch(link, tmp_path / "clip", 1000, ignore_progress)


@pytest.mark.parametrize("host", [f"[{ROUTER_V6}]", NEIGHBOUR_V4])
async def test_a_global_address_in_the_network_of_an_interface_is_refused(
    host: str, machine: Machine, tmp_path: Path
) -> None:
    machine.use("2a02:8109:1:2:ae22:bff:fe44:1/64", "91.64.10.5/24")
    with pytest.raises(AddressNotPublic):
        await fetch(f"http://{host}/status.mp4", tmp_path)


async def test_a_name_for_an_address_in_an_own_network_is_refused(machine: Machine) -> None:
    """The name server may be the attacker's: the check is also in the socket."""
    machine.use("91.64.10.5/24")
    async with guarded_session(TIMEOUTS, OwnNetworks()) as session:
        assert session.connector is not None
        with pytest.raises(OSError, match="address isn't public"):
            session.connector._socket_factory(  # type: ignore[attr-defined]  # aiohttp's own
                (socket.AF_INET, socket.SOCK_STREAM, 6, "", (NEIGHBOUR_V4, 80))
            )


def test_interfaces_are_read_again_each_time(machine: Machine) -> None:
    own = OwnNetworks()
    assert not own.contains(ROUTER_V6)
    machine.use("2a02:8109:1:2::5/64")
    assert own.contains(ROUTER_V6)
    assert not own.contains(ELSEWHERE)


def test_an_interface_without_a_prefix_covers_only_its_own_address(machine: Machine) -> None:
    machine.use("91.64.10.5/0")
    own = OwnNetworks()
    assert own.contains("91.64.10.5")
    assert not own.contains(NEIGHBOUR_V4)


def test_the_real_interfaces_are_found() -> None:
    assert OwnNetworks().contains("127.0.0.1")


async def test_our_public_address_is_refused_and_asked_for_again_when_interfaces_change(
    machine: Machine, tmp_path: Path
) -> None:
    async with answering(
        f"fl=1\nip={NEIGHBOUR_V4}\nts=2\n", "ip=2a02:8109:1:3::77", "nonsense"
    ) as url:
        own = OwnNetworks(url)
        with pytest.raises(AddressNotPublic):
            await fetch(f"http://{NEIGHBOUR_V4}/", tmp_path, own)
        assert not own.contains(ELSEWHERE)
        machine.use("91.65.0.1/24")
        with pytest.raises(AddressNotPublic):
            await fetch(f"http://[{ELSEWHERE}]/", tmp_path, own)
        machine.use()
        await own.refresh()
        assert own.contains(ELSEWHERE)  # an answer that can't be read changes nothing
