"""Several processes on one database, and a process that is killed."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

import pytest

from loopback_discord import LoopbackDiscord, NoResponse
from tests.processes.programs import answer_to, clarifai_settings, settings_for, started
from tests.processes.running_bot import CAT, CAT_FILE, CITY_FILE, channel_and_member, ended_well
from tests.stand_ins import clarifai_replies as replies
from tests.stand_ins.clarifai import LoopbackClarifai
from tests.stand_ins.clarifai_replies import Reply

if TYPE_CHECKING:
    from pathlib import Path


pytestmark = pytest.mark.process

FILES = [CAT_FILE]


async def test_a_job_accepted_by_the_gateway_waits_for_a_worker(
    discord: LoopbackDiscord, postgres_url: str, data_dir: Path, tmp_path: Path
) -> None:
    settings = {**settings_for(discord, data_dir), "DATABASE_URL": postgres_url}
    channel, ann = channel_and_member(discord)
    async with started(settings, tmp_path / "gateway", "run", "--no-worker", fresh=True) as gateway:
        await discord.wait_ready()
        posted = await ann.post(channel, "", files=FILES)
        async with (
            started(settings, tmp_path / "worker", "worker", fresh=True) as worker,
            ended_well(gateway, worker),
        ):
            reply = await answer_to(discord, posted, 20)
            assert "cat ." in reply.content
    assert discord.unknown_routes == []


async def test_a_worker_whose_name_is_taken_refuses_to_start(
    discord: LoopbackDiscord, postgres_url: str, data_dir: Path, tmp_path: Path
) -> None:
    settings = {**settings_for(discord, data_dir), "DATABASE_URL": postgres_url}
    async with started(settings, tmp_path / "one") as first:
        await discord.wait_ready()
        async with (
            started(settings, tmp_path / "two", "worker") as second,
            started(settings, tmp_path / "three", "run", "--no-worker") as third,
        ):
            assert [await second.exit_code(), await third.exit_code()] == [2, 2]
        async with ended_well(first):
            assert second.log == (
                "WORKER_ID: a worker with this name is already running on this database; "
                "choose another name\n"
            )
            assert third.log.startswith("DISCORD_TOKEN: this bot is already running")


async def test_a_second_process_on_a_sqlite_file_refuses_to_start(
    discord: LoopbackDiscord, data_dir: Path, tmp_path: Path
) -> None:
    settings = settings_for(discord, data_dir)
    async with started(settings, tmp_path / "one") as first:
        await discord.wait_ready()
        async with (
            started({**settings, "WORKER_ID": "two"}, tmp_path / "two") as second,
            started(settings, tmp_path / "three", "worker") as third,
        ):
            assert [await second.exit_code(), await third.exit_code()] == [2, 2]
        async with ended_well(first):
            assert second.log.startswith("DISCORD_TOKEN: this bot is already running")
            assert third.log == (
                "DATABASE_URL: SQLite works with one process only; "
                "use PostgreSQL to run gateway and workers separately\n"
            )


async def test_a_clip_is_answered_once_if_the_bot_is_killed_while_tagging(
    discord: LoopbackDiscord, data_dir: Path, tmp_path: Path
) -> None:
    channel, ann = channel_and_member(discord)
    async with LoopbackClarifai() as clarifai:
        settings = {**settings_for(discord, data_dir), **clarifai_settings(clarifai)}
        clarifai.script(Reply(hangs=True))
        async with started(settings, tmp_path / "one") as first:
            await discord.wait_ready()
            posted = await ann.post(channel, "", files=FILES)
            await clarifai.called.wait()
            assert await first.stop(signal.SIGKILL) == -signal.SIGKILL
        await discord.wait_disconnected()
        async with started(settings, tmp_path / "two") as second, ended_well(second):
            reply = await answer_to(discord, posted, 20)
            assert reply.content.startswith("**cat.gif** · 16 s · tags above 0.94\n")
        assert len(discord.replies_to(posted)) == 1
        assert len(clarifai.calls) == 2


async def test_a_job_is_given_up_with_a_sentence_after_three_crashes(
    discord: LoopbackDiscord, data_dir: Path, tmp_path: Path
) -> None:
    channel, ann = channel_and_member(discord)
    async with LoopbackClarifai() as clarifai:
        settings = {**settings_for(discord, data_dir), **clarifai_settings(clarifai)}
        clarifai.serve(Reply(hangs=True))
        posted = None
        for number in range(3):
            async with started(settings, tmp_path / str(number)) as program:
                await discord.wait_ready()
                posted = posted or await ann.post(channel, "!tags", files=FILES)
                await clarifai.called.wait()
                clarifai.called.clear()
                await program.stop(signal.SIGKILL)
            await discord.wait_disconnected()
        async with started(settings, tmp_path / "last") as last, ended_well(last):
            assert posted is not None
            reply = await answer_to(discord, posted, 20)
        assert reply.content == (
            "**cat.gif** · I got interrupted every time I worked on this clip, so I gave up."
        )
        assert len(clarifai.calls) == 3


async def test_a_reply_that_was_sent_but_not_recorded_is_not_sent_again(
    discord: LoopbackDiscord, data_dir: Path, tmp_path: Path
) -> None:
    channel, ann = channel_and_member(discord)
    settings = settings_for(discord, data_dir)
    discord.faults.add("POST", r"/channels/\d+/messages", NoResponse(perform=True))
    async with started(settings, tmp_path / "one") as first:
        await discord.wait_ready()
        posted = await ann.post(channel, "", files=FILES)
        await answer_to(discord, posted, 20)
        await first.stop(signal.SIGKILL)
    await discord.wait_disconnected()
    discord.expire_nonces()
    async with started(settings, tmp_path / "two") as second, ended_well(second):
        await discord.wait_ready()
        later = await ann.post(channel, "", files=[CITY_FILE])
        await answer_to(discord, later, 20)
        asked = "look for the reply"
        await discord.wait_until(lambda: _looked_back(discord), asked, timeout=20)
    assert len(discord.replies_to(posted)) == 1


def _looked_back(discord: LoopbackDiscord) -> bool:
    return any(
        request.method == "GET" and request.path.endswith("/messages")
        for request in discord.requests
    )


async def test_a_clip_is_answered_once_if_the_bot_is_killed_while_decoding(
    discord: LoopbackDiscord, data_dir: Path, tmp_path: Path
) -> None:
    channel, ann = channel_and_member(discord)
    settings = settings_for(discord, data_dir)
    async with started(settings, tmp_path / "one") as first:
        await discord.wait_ready()
        posted = await ann.post(channel, "", files=FILES)
        # The clip is downloaded, and decoding it takes about half a second.
        await discord.wait_until(
            lambda: posted.attachments[0].downloads > 0, "download", timeout=20
        )
        await first.stop(signal.SIGKILL)
    assert discord.replies_to(posted) == []
    await discord.wait_disconnected()
    async with started(settings, tmp_path / "two") as second, ended_well(second):
        await answer_to(discord, posted, 20)
    assert len(discord.replies_to(posted)) == 1


async def test_an_attachment_with_an_expired_link_is_fetched_by_a_new_link(
    discord: LoopbackDiscord, data_dir: Path, tmp_path: Path
) -> None:
    channel, ann = channel_and_member(discord)
    async with LoopbackClarifai() as clarifai:
        settings = {**settings_for(discord, data_dir), **clarifai_settings(clarifai)}
        async with started(settings, tmp_path / "one") as program, ended_well(program):
            await discord.wait_ready()
            posted = await ann.post(channel, "", files=FILES)
            posted.attachments[0].expire()
            await answer_to(discord, posted, 20)
            # The clip of another message: its link must be renewed there.
            asked = await ann.post(channel, "!tags", reply_to=posted)
            posted.attachments[0].expire()
            reply = await answer_to(discord, asked, 20)
            assert reply.content.startswith("**cat.gif** · 16 s")
        assert posted.attachments[0].downloads == 2
        assert len(clarifai.calls) == 1


async def test_the_local_tagger_answers_while_clarifai_is_down(
    discord: LoopbackDiscord, data_dir: Path, tmp_path: Path
) -> None:
    channel, ann = channel_and_member(discord)
    async with LoopbackClarifai() as clarifai:
        clarifai.serve(replies.failure(11001, 401))
        settings = {
            **settings_for(discord, data_dir),
            **clarifai_settings(clarifai),
            "CLARIFAI_FALLBACK": "local",
            "SERVER_CONCURRENCY": "1",
        }
        async with started(settings, tmp_path / "one") as program, ended_well(program):
            await discord.wait_ready()
            posted = [
                await ann.post(channel, "", files=[("cat.gif", CAT + bytes([n]), "image/gif")])
                for n in range(8)
            ]
            for message in posted:
                reply = await answer_to(discord, message, 20)
                assert reply.content.startswith("**cat.gif** · 16 s · tags above 0.5\n")
            assert "circuit breaker opened: the tagger keeps failing" in program.log
        assert len(clarifai.calls) == 5
