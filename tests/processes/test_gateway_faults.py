"""The whole bot, as a process, while its line to the gateway breaks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.cli.test_run import Scene, scene
from tests.conftest import CLIPS
from tests.processes.programs import clarifai_settings
from tests.stand_ins.clarifai import LoopbackClarifai

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from tests.stand_ins.discord import LoopbackDiscord, Message

pytestmark = pytest.mark.process

CAT = ("cat.gif", (CLIPS / "montage.gif").read_bytes(), "image/gif")
CITY = ("city.mp4", (CLIPS / "city.mp4").read_bytes(), "video/mp4")


@pytest.fixture
async def at_work(tmp_path: Path, data_dir: Path) -> AsyncIterator[Scene]:
    async with (
        LoopbackClarifai() as clarifai,
        scene(tmp_path, data_dir, settings=clarifai_settings(clarifai)) as opened,
    ):
        yield opened


async def until_resumed(discord: LoopbackDiscord) -> None:
    await discord.wait_until(lambda: discord.gateway.resumes == 1, "resume", timeout=20)


async def until_at_work_on(message: Message, discord: LoopbackDiscord) -> None:
    (clip,) = message.attachments
    await discord.wait_until(lambda: clip.downloads > 0, "download of the clip", timeout=20)


async def assert_each_is_answered_once(at_work: Scene, *messages: Message) -> None:
    """Wait for the replies, let every job that runs come to its end, and count."""
    for message in messages:
        await at_work.reply_to(message)
    assert await at_work.program.stop() == 0
    assert [len(at_work.discord.replies_to(message)) for message in messages] == [1] * len(messages)


async def test_events_told_again_after_op_7_make_no_second_reply(at_work: Scene) -> None:
    discord = at_work.discord
    answered = await at_work.ann.post(at_work.channel, "", files=[CAT])
    await at_work.reply_to(answered)
    running = await at_work.ann.post(at_work.channel, "", files=[CITY])
    await until_at_work_on(running, discord)
    # A session outlives the minutes for which a nonce is remembered, so that no nonce may help.
    discord.forget_nonces()
    # The last three events are the two messages and, between them, the reply to the first.
    discord.send_reconnect(repeat=3)
    await until_resumed(discord)
    discord.forget_nonces()
    later = await at_work.ann.post(at_work.channel, "", files=[CAT])
    await assert_each_is_answered_once(at_work, answered, running, later)
    assert len(discord.gateway.identifies) == 1


async def test_clips_posted_while_the_line_is_cut_are_answered_once_it_is_back(
    at_work: Scene,
) -> None:
    discord = at_work.discord
    discord.drop()
    posted = [await at_work.ann.post(at_work.channel, "", files=[clip]) for clip in (CAT, CITY)]
    assert discord.gateway.connected() == []
    await until_resumed(discord)
    await assert_each_is_answered_once(at_work, *posted)
    assert len(discord.gateway.identifies) == 1


async def test_with_its_session_lost_it_answers_what_it_has_and_identifies_anew(
    at_work: Scene,
) -> None:
    discord = at_work.discord
    before = await at_work.ann.post(at_work.channel, "", files=[CAT])
    await until_at_work_on(before, discord)
    discord.invalidate_session()
    await at_work.reply_to(before)
    # discord.py lets five seconds pass before it identifies again.
    await discord.wait_ready()
    later = await at_work.ann.post(at_work.channel, "", files=[CITY])
    await assert_each_is_answered_once(at_work, before, later)
    assert (discord.gateway.resumes, len(discord.gateway.identifies)) == (0, 2)
