"""A loopback Discord with two guilds, one on each of two shards, and a person in the second."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from loopback_discord import LoopbackDiscord
from loopback_discord.discord_py import redirect_discord_py

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import pytest

    from sample_bot import SampleBot

TOKEN = "loopback-token"  # noqa: S105 - made up


class DiscordEnv:
    """A loopback Discord with two guilds, and the channel and member that most tests use."""

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
async def open_env(
    patch: pytest.MonkeyPatch, *, content_granted: bool = True
) -> AsyncIterator[DiscordEnv]:
    async with LoopbackDiscord(TOKEN, shards=2, content_granted=content_granted) as loopback:
        redirect_discord_py(loopback, patch)
        yield DiscordEnv(loopback)
        assert loopback.unknown_routes == []
