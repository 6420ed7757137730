"""Several processes on one database, and a process that is killed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from loopback_discord import LoopbackDiscord, NoResponse
from tests.media.made_clips import gif
from tests.processes.programs import clarifai_settings
from tests.processes.running_bot import CITY_FILE, Programs
from tests.stand_ins import clarifai_replies as replies
from tests.stand_ins.clarifai_replies import Reply

if TYPE_CHECKING:
    from tests.stand_ins.clarifai import LoopbackClarifai

pytestmark = pytest.mark.process


async def test_a_job_accepted_by_the_gateway_waits_for_a_worker(
    discord: LoopbackDiscord, programs: Programs, postgres_url: str
) -> None:
    programs.settings["DATABASE_URL"] = postgres_url
    async with programs.running("run", "--no-worker", fresh=True):
        posted = await programs.post()
        async with programs.running("worker", fresh=True):
            assert "cat ." in (await programs.answer(posted)).content
    assert discord.unknown_routes == []


async def test_a_worker_whose_name_is_taken_refuses_to_start(
    programs: Programs, postgres_url: str
) -> None:
    programs.settings["DATABASE_URL"] = postgres_url
    async with programs.running():
        async with (
            programs.started("worker", ready=False) as second,
            programs.started("run", "--no-worker", ready=False) as third,
        ):
            assert [await second.exit_code(), await third.exit_code()] == [2, 2]
        assert second.log == (
            "WORKER_ID: a worker with this name is already running on this database; "
            "choose another name\n"
        )
        assert third.log.startswith("DISCORD_TOKEN: this bot is already running")


async def test_a_second_process_on_a_sqlite_file_refuses_to_start(programs: Programs) -> None:
    async with programs.running():
        async with (
            programs.started(ready=False, WORKER_ID="two") as second,
            programs.started("worker", ready=False) as third,
        ):
            assert [await second.exit_code(), await third.exit_code()] == [2, 2]
        assert second.log.startswith("DISCORD_TOKEN: this bot is already running")
        assert third.log == (
            "DATABASE_URL: SQLite works with one process only; "
            "use PostgreSQL to run gateway and workers separately\n"
        )


async def test_a_clip_is_answered_once_if_the_bot_is_killed_while_tagging(
    discord: LoopbackDiscord, clarifai: LoopbackClarifai, programs: Programs
) -> None:
    programs.settings |= clarifai_settings(clarifai)
    clarifai.script(Reply(hangs=True))
    async with programs.started() as first:
        posted = await programs.post()
        await clarifai.called.wait()
        await programs.kill(first)
    async with programs.running():
        reply = await programs.answer(posted)
        assert reply.content.startswith("**cat.gif** · 16 s · tags above 0.94\n")
    assert len(discord.replies_to(posted)) == 1
    assert len(clarifai.calls) == 2


async def test_a_job_is_given_up_with_a_sentence_after_three_crashes(
    clarifai: LoopbackClarifai, programs: Programs
) -> None:
    programs.settings |= clarifai_settings(clarifai)
    clarifai.serve(Reply(hangs=True))
    posted = None
    for _ in range(3):
        async with programs.started() as program:
            posted = posted or await programs.post("!tags")
            await clarifai.called.wait()
            clarifai.called.clear()
            await programs.kill(program)
    async with programs.running():
        assert posted is not None
        reply = await programs.answer(posted)
    assert reply.content == (
        "**cat.gif** · I got interrupted every time I worked on this clip, so I gave up."
    )
    assert len(clarifai.calls) == 3


async def test_a_reply_that_was_sent_but_not_recorded_is_not_sent_again(
    discord: LoopbackDiscord, programs: Programs
) -> None:
    discord.faults.add("POST", r"/channels/\d+/messages", NoResponse(perform=True))
    async with programs.started() as first:
        posted = await programs.post()
        await programs.answer(posted)
        await programs.kill(first)
    discord.expire_nonces()
    async with programs.running():
        later = await programs.post("", CITY_FILE)
        await programs.answer(later)
        asked = "look for the reply"
        await discord.wait_until(lambda: _looked_back(discord), asked)
    assert len(discord.replies_to(posted)) == 1


def _looked_back(discord: LoopbackDiscord) -> bool:
    return any(
        request.method == "GET" and request.path.endswith("/messages")
        for request in discord.requests
    )


async def test_a_clip_is_answered_once_if_the_bot_is_killed_while_decoding(
    discord: LoopbackDiscord, programs: Programs
) -> None:
    async with programs.started() as first:
        posted = await programs.post()
        # The clip is downloaded, and decoding it takes about half a second.
        await discord.wait_until(
            lambda: posted.attachments[0].downloads > 0, "download", timeout=60
        )
        await programs.kill(first)
    assert discord.replies_to(posted) == []
    async with programs.running():
        await programs.answer(posted)
    assert len(discord.replies_to(posted)) == 1


async def test_an_attachment_with_an_expired_link_is_fetched_by_a_new_link(
    clarifai: LoopbackClarifai, programs: Programs
) -> None:
    async with programs.running(**clarifai_settings(clarifai)):
        posted = await programs.post()
        posted.attachments[0].expire()
        await programs.answer(posted)
        # The clip of another message: its link must be renewed there.
        asked = await programs.post("!tags", reply_to=posted)
        posted.attachments[0].expire()
        reply = await programs.answer(asked)
        assert reply.content.startswith("**cat.gif** · 16 s")
    assert posted.attachments[0].downloads == 2
    assert len(clarifai.calls) == 1


async def test_the_local_tagger_answers_while_clarifai_is_down(
    clarifai: LoopbackClarifai, programs: Programs
) -> None:
    clarifai.serve(replies.failure(11001, 401))
    programs.settings |= clarifai_settings(clarifai)
    settings = {"CLARIFAI_FALLBACK": "local", "SERVER_CONCURRENCY": "1"}
    async with programs.running(**settings) as program:
        clips = [("short.gif", gif([100 + number]), "image/gif") for number in range(6)]
        posted = [await programs.post("", clip) for clip in clips]
        for message in posted:
            reply = await programs.answer(message)
            assert reply.content.startswith("**short.gif** · 1 s · tags above 0.5\n")
        assert "circuit breaker opened: the tagger keeps failing" in program.log
    assert len(clarifai.calls) == 5
