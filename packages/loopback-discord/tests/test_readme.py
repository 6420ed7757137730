"""The example in the README runs."""

from __future__ import annotations

import asyncio
import re
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import discord

from sample_bot import make_intents

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import pytest

README = Path(__file__).parent.parent / "README.md"


class CatBot(discord.AutoShardedClient):
    """Replies to each file."""

    async def on_message(self, message: discord.Message) -> None:
        if message.attachments:
            await message.reply("a cat")


async def test_the_example_of_a_test_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    @asynccontextmanager
    async def my_bot(api_url: str, token: str) -> AsyncIterator[None]:
        monkeypatch.setattr(discord.http.Route, "BASE", api_url)
        async with CatBot(intents=make_intents(), guild_ready_timeout=0.05) as bot:
            task = asyncio.create_task(bot.start(token))
            yield
        await task

    example = re.search(r"```python\n(.+?)```", README.read_text(), re.DOTALL)
    assert example is not None
    names: dict[str, Any] = {"my_bot": my_bot, "CLIP": b"not really a clip"}
    exec(example[1], names)  # noqa: S102 - our own README
    await names["test_a_clip_is_answered"]()
