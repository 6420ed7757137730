"""A running bot whose connection to the gateway breaks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.processes.programs import clarifai_settings
from tests.processes.running_bot import CAT_FILE, CITY_FILE, RunningBot, running_bot
from tests.stand_ins.clarifai import LoopbackClarifai

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from loopback_discord import LoopbackDiscord, Message

pytestmark = pytest.mark.process


@pytest.fixture
async def bot(tmp_path: Path, data_dir: Path) -> AsyncIterator[RunningBot]:
    async with (
        LoopbackClarifai() as clarifai,
        running_bot(tmp_path, data_dir, settings=clarifai_settings(clarifai)) as opened,
    ):
        yield opened


async def until_resumed(discord: LoopbackDiscord) -> None:
    await discord.wait_until(lambda: discord.gateway.resumes == 1, "resume")


async def until_started(message: Message, discord: LoopbackDiscord) -> None:
    (clip,) = message.attachments
    await discord.wait_until(lambda: clip.downloads > 0, "download of the clip")


async def assert_each_is_answered_once(bot: RunningBot, *messages: Message) -> None:
    """Wait for the replies, let running jobs end, and count the replies."""
    for message in messages:
        await bot.reply_to(message)
    assert await bot.program.stop() == 0
    assert [len(bot.discord.replies_to(message)) for message in messages] == [1] * len(messages)


async def test_events_repeated_after_op_7_cause_no_second_reply(bot: RunningBot) -> None:
    discord = bot.discord
    answered = await bot.ann.post(bot.channel, "", files=[CAT_FILE])
    await bot.reply_to(answered)
    running = await bot.ann.post(bot.channel, "", files=[CITY_FILE])
    await until_started(running, discord)
    # A session outlives the minutes for which Discord remembers a nonce.
    discord.expire_nonces()
    # The last three events are the two messages and, between them, the reply to the first.
    discord.send_reconnect(repeat=3)
    await until_resumed(discord)
    discord.expire_nonces()
    later = await bot.ann.post(bot.channel, "", files=[CAT_FILE])
    await assert_each_is_answered_once(bot, answered, running, later)
    assert len(discord.gateway.identifies) == 1


async def test_clips_posted_while_disconnected_are_answered_after_the_resume(
    bot: RunningBot,
) -> None:
    discord = bot.discord
    discord.drop_connections()
    posted = [await bot.ann.post(bot.channel, "", files=[clip]) for clip in (CAT_FILE, CITY_FILE)]
    assert discord.gateway.connected() == []
    await until_resumed(discord)
    await assert_each_is_answered_once(bot, *posted)
    assert len(discord.gateway.identifies) == 1


async def test_running_jobs_are_answered_after_a_lost_session(
    bot: RunningBot,
) -> None:
    discord = bot.discord
    before = await bot.ann.post(bot.channel, "", files=[CAT_FILE])
    await until_started(before, discord)
    discord.invalidate_session()
    await bot.reply_to(before)
    # discord.py waits five seconds before it identifies again.
    await discord.wait_ready()
    later = await bot.ann.post(bot.channel, "", files=[CITY_FILE])
    await assert_each_is_answered_once(bot, before, later)
    assert (discord.gateway.resumes, len(discord.gateway.identifies)) == (0, 2)
