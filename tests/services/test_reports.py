from __future__ import annotations

import asyncio
import threading
from collections import Counter
from typing import TYPE_CHECKING

from bot.domain.settings import GuildSettings

if TYPE_CHECKING:
    from bot.runtime.app import App


class CountedWork:
    """Notes the most that ran at once, for each server and in all."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running: Counter[int] = Counter()
        self.most: Counter[int] = Counter()
        self.both = threading.Event()

    def run(self, guild_id: int) -> None:
        with self._lock:
            self._running[guild_id] += 1
            self._note(guild_id, self._running[guild_id])
            self._note(0, self._running.total())
        if not self.both.is_set():
            self.both.wait(10)
        with self._lock:
            self._running[guild_id] -= 1

    def _note(self, key: int, count: int) -> None:
        self.most[key] = max(self.most[key], count)
        if self.most[0] == 2:
            self.both.set()


async def test_drawing_for_one_server_delays_no_other_and_uses_few_threads(app: App) -> None:
    work = CountedWork()
    await asyncio.gather(
        *(
            app.services.reports.draw(GuildSettings(guild_id), work.run, guild_id)
            for guild_id in (1, 2, 3)
            for _ in range(10)
        )
    )
    assert work.both.is_set()
    assert work.most == {0: 2, 1: 1, 2: 1, 3: 1}
