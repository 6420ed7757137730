"""Starting without a network, and stopping after one signal or two, with and without jobs."""

from __future__ import annotations

import asyncio
import signal
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from loopback_discord import LoopbackDiscord, server_error
from tests.processes.programs import TOKEN, answer_to, clarifai_settings, settings_for, started
from tests.processes.running_bot import CAT, CAT_FILE, channel_and_member, ended_well
from tests.stand_ins.clarifai import LoopbackClarifai
from tests.stand_ins.clarifai_replies import Reply, recorded
from tests.stand_ins.postgres import free_port

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.process
HELD_ANSWER = replace(recorded("video_beer_2017.json"), hangs=True)


def clip(number: int) -> tuple[str, bytes, str]:
    return f"{number}.gif", CAT + bytes([number]), "image/gif"


async def test_running_jobs_finish_and_waiting_jobs_stay(
    discord: LoopbackDiscord, data_dir: Path, tmp_path: Path
) -> None:
    channel, ann = channel_and_member(discord)
    async with LoopbackClarifai() as clarifai:
        settings = {
            **settings_for(discord, data_dir),
            **clarifai_settings(clarifai),
            "WORKER_CONCURRENCY": "3",
            "SERVER_CONCURRENCY": "3",
            "CLARIFAI_CALLS_PER_SECOND": "100",
        }
        clarifai.script(*(HELD_ANSWER for _ in range(3)))
        async with started(settings, tmp_path / "one") as first:
            await discord.wait_ready()
            posted = [await ann.post(channel, "", files=[clip(n)]) for n in range(8)]
            await clarifai.wait_for_calls(3)
            first.process.send_signal(signal.SIGTERM)
            await first.wait_for_line("shutting down")
            await discord.wait_disconnected()
            clarifai.release()
            assert await first.exit_code() == 0
        replied = [bool(discord.replies_to(message)) for message in posted]
        assert sum(replied) == 3
        assert len(clarifai.calls) == 3
        assert "Traceback" not in first.log
        async with started(settings, tmp_path / "two") as second, ended_well(second):
            for message in posted:
                await answer_to(discord, message, 20)
        assert [len(discord.replies_to(message)) for message in posted] == [1] * 8
        assert len(clarifai.calls) == 8


async def test_a_second_signal_ends_the_process_at_once(
    discord: LoopbackDiscord, data_dir: Path, tmp_path: Path
) -> None:
    channel, ann = channel_and_member(discord)
    async with LoopbackClarifai() as clarifai:
        settings = {**settings_for(discord, data_dir), **clarifai_settings(clarifai)}
        clarifai.script(Reply(hangs=True))
        async with started(settings, tmp_path / "one") as program:
            await discord.wait_ready()
            await ann.post(channel, "", files=[CAT_FILE])
            await clarifai.called.wait()
            program.process.send_signal(signal.SIGTERM)
            await program.wait_for_line("shutting down")
            async with asyncio.timeout(10):  # running jobs have 20 s
                assert await program.stop(signal.SIGINT) == 128 + signal.SIGINT


async def test_sigint_stops_the_bot_like_sigterm(
    discord: LoopbackDiscord, data_dir: Path, tmp_path: Path
) -> None:
    settings = settings_for(discord, data_dir)
    async with started(settings, tmp_path / "one", fresh=True) as program:
        await discord.wait_ready()
        assert await program.stop(signal.SIGINT) == 0
    assert "Traceback" not in program.log


async def test_a_start_without_a_network_is_retried(data_dir: Path, tmp_path: Path) -> None:
    discord = LoopbackDiscord(TOKEN, port=free_port())
    discord.add_guild("Cats").add_text_channel("videos")
    async with started(settings_for(discord, data_dir), tmp_path / "one") as program:
        await program.wait_for_line("Discord unreachable, retrying")
        async with discord:
            await discord.wait_ready()
            channel, ann = channel_and_member(discord)
            posted = await ann.post(channel, "", files=[CAT_FILE])
            await answer_to(discord, posted, 20)
            async with ended_well(program):
                assert '"level": "error"' not in program.log


async def test_a_bot_can_be_stopped_while_it_retries_its_start(
    data_dir: Path, tmp_path: Path
) -> None:
    discord = LoopbackDiscord(TOKEN, port=free_port())
    async with started(settings_for(discord, data_dir), tmp_path / "one") as program:
        await program.wait_for_line("Discord unreachable, retrying")
        assert await program.stop() == 0


async def test_a_worker_retries_its_start_too(
    discord: LoopbackDiscord, postgres_url: str, data_dir: Path, tmp_path: Path
) -> None:
    settings = {**settings_for(discord, data_dir), "DATABASE_URL": postgres_url}
    discord.faults.add("GET", "/users/@me", server_error(503))
    async with started(settings, tmp_path / "one", "worker") as program:
        await program.wait_for_line("Discord unreachable, retrying")
        async with ended_well(program):
            await program.wait_for_line("worker started")


async def test_a_metrics_port_in_use_is_a_settings_mistake(
    discord: LoopbackDiscord, data_dir: Path, tmp_path: Path
) -> None:
    settings = {**settings_for(discord, data_dir), "METRICS_PORT": str(discord.port)}
    async with started(settings, tmp_path / "one") as program:
        assert await program.exit_code() == 2
    line = program.log.splitlines()[-1]
    assert line == f"METRICS_PORT: can't listen on 127.0.0.1:{discord.port}: Address already in use"
