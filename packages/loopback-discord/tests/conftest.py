"""A discord.py bot on the loopback Discord, and a person who uses it."""

from __future__ import annotations

import ipaddress
import socket
import threading
from typing import TYPE_CHECKING, Any

import pytest
from discord.gateway import KeepAliveHandler

from discord_env import DiscordEnv, open_env
from sample_bot import SampleBot

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator


@pytest.fixture(autouse=True)
def _only_loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fail every connection that would leave this machine."""
    connect = socket.socket.connect

    def guarded(sock: socket.socket, address: Any) -> None:
        if sock.family in {socket.AF_INET, socket.AF_INET6}:
            assert ipaddress.ip_address(address[0]).is_loopback, f"a connection to {address[0]}"
        connect(sock, address)

    monkeypatch.setattr(socket.socket, "connect", guarded)


@pytest.fixture(autouse=True)
def _stop_heartbeats() -> Iterator[None]:
    """Stop discord.py's heartbeat threads; those of refused shards would outlive the event loop."""
    yield
    for thread in threading.enumerate():
        if isinstance(thread, KeepAliveHandler):
            thread.stop()


@pytest.fixture
async def env(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[DiscordEnv]:
    async with open_env(monkeypatch) as env:
        yield env


@pytest.fixture
async def bot(env: DiscordEnv) -> AsyncIterator[SampleBot]:
    async with env.running(SampleBot()) as bot:
        yield bot
