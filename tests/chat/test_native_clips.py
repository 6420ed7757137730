"""Clips that Discord's app recorded: Discord knows their game."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

from loopback_discord import Upload
from tests.processes.running_bot import CAT, RunningBot, running_bot

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from loopback_discord import Message

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.process]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def running(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[RunningBot]:
    folder = tmp_path_factory.mktemp("bot")
    (folder / "data").mkdir()
    async with running_bot(folder, folder / "data") as bot:
        yield bot


@pytest.fixture
def bot(running: RunningBot) -> RunningBot:
    return running.in_new_channel()


async def reply_to_clip(bot: RunningBot, game: str | None) -> Message:
    clip = Upload("clip.gif", CAT, "image/gif", game=game)
    return await bot.reply_to(await bot.ann.post(bot.channel, files=[clip]))


async def found(bot: RunningBot, tag: str) -> str:
    command = await bot.ann.slash(bot.channel, "find", tag=tag)
    page = await command.wait_for_response()
    return "\n".join([page.content, *(embed["description"] for embed in page.embeds)])


async def test_the_game_of_a_clip_is_named_and_found(bot: RunningBot) -> None:
    reply = await reply_to_clip(bot, "Tetris Effect")
    assert reply.content.splitlines()[0].endswith("· Tetris Effect")
    page = await found(bot, "tetris effect")
    assert "0:00–0:16" in page


async def test_a_name_is_shown_as_plain_text(bot: RunningBot) -> None:
    reply = await reply_to_clip(bot, "**@everyone**\n# Loud" + "!" * 500)
    heading = reply.content.splitlines()[0]
    assert heading.endswith("\\*\\*\\@everyone\\*\\* \\# Loud" + "\\!" * 40)


async def test_the_same_file_posted_as_it_is_has_no_game(bot: RunningBot) -> None:
    await reply_to_clip(bot, "Snake")
    reply = await reply_to_clip(bot, None)
    assert "Snake" not in reply.content
    assert (await found(bot, "snake")).count("channels/") == 1
