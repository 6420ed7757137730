"""A real ``AutoShardedBot`` on the loopback Discord, and a person to use it there."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest

from tests.stand_ins.discord import LoopbackDiscord
from tests.stand_ins.discord.sample_bot import SampleBot, point_discord_py_at

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

TOKEN = "loopback-token"  # noqa: S105 - of a Discord that lives for seconds


class Scene:
    """A Discord of two guilds, one for each of two shards, and a person in the second."""

    def __init__(self, loopback: LoopbackDiscord) -> None:
        self.discord = loopback
        self.first = loopback.add_guild("First", shard=(0, 2))
        self.second = loopback.add_guild("Second", shard=(1, 2))
        self.channel = self.second.add_text_channel("videos")
        self.ann = self.second.add_member("ann")

    @asynccontextmanager
    async def running(self, bot: SampleBot) -> AsyncIterator[SampleBot]:
        task = asyncio.create_task(bot.start(TOKEN))
        try:
            await self.discord.wait_ready()
            await bot.wait_until_ready()
            yield bot
        finally:
            await bot.close()
            await task


@asynccontextmanager
async def a_discord(patch: pytest.MonkeyPatch, *, content: bool = True) -> AsyncIterator[Scene]:
    async with LoopbackDiscord(TOKEN, shards=2, privileged_content=content) as loopback:
        point_discord_py_at(loopback, patch)
        yield Scene(loopback)
        assert loopback.unknown_routes == []


@pytest.fixture
async def scene(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Scene]:
    async with a_discord(monkeypatch) as scene:
        yield scene


@pytest.fixture
async def bot(scene: Scene) -> AsyncIterator[SampleBot]:
    async with scene.running(SampleBot()) as bot:
        yield bot
