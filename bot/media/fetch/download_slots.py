"""How many downloads run at once, so that slow hosts and busy servers delay only themselves."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING
from weakref import WeakValueDictionary

from bot.domain.links import DISCORD_CDN
from bot.runtime.fair_slots import FairSlots

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Collection

# An owner is a Discord server. Each can have clips of two jobs at once, ten a job.
_AT_ONCE, _PER_OWNER = 32, 8
_PER_HOST, _PER_HOST_AND_OWNER = 8, 4


class DownloadSlots:
    """Bounds downloads in all, for each owner and for each host.

    Hosts in ``cdn`` have slots of their own: links to other hosts never fill them.
    """

    def __init__(self, cdn: Collection[str] = DISCORD_CDN) -> None:
        self._cdn_hosts = cdn
        self._cdn = FairSlots(_AT_ONCE, _PER_OWNER)
        self._others = FairSlots(_AT_ONCE, _PER_OWNER)
        self._hosts: WeakValueDictionary[str, FairSlots] = WeakValueDictionary()

    @asynccontextmanager
    async def held(self, host: str, owner: str) -> AsyncIterator[None]:
        """Hold a slot for a download while the block runs; wait for one first."""
        if host in self._cdn_hosts:
            async with self._cdn.held(owner):
                yield
            return
        # The host's slot comes first: nobody waits for a slow host in a slot that others could use.
        slots = self._hosts.setdefault(host, FairSlots(_PER_HOST, _PER_HOST_AND_OWNER))
        async with slots.held(owner), self._others.held(owner):
            yield
