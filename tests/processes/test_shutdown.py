"""Starting without a network, and stopping after one signal or two, with and without jobs."""

from __future__ import annotations

import asyncio
import signal
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from loopback_discord import LoopbackDiscord, server_error
from tests.processes.programs import TOKEN, clarifai_settings
from tests.processes.running_bot import CAT, Programs
from tests.stand_ins.clarifai_replies import Reply, recorded
from tests.stand_ins.postgres import free_port

if TYPE_CHECKING:
    from pathlib import Path

    from tests.stand_ins.clarifai import LoopbackClarifai

pytestmark = pytest.mark.process
HELD_ANSWER = replace(recorded("video_beer_2017.json"), hangs=True)


def clip(number: int) -> tuple[str, bytes, str]:
    return f"{number}.gif", CAT + bytes([number]), "image/gif"


async def test_running_jobs_finish_and_waiting_jobs_stay(
    discord: LoopbackDiscord, clarifai: LoopbackClarifai, programs: Programs
) -> None:
    # One person may use half of a server's places.
    concurrency = {"WORKER_CONCURRENCY": "3", "SERVER_CONCURRENCY": "6"}
    programs.settings |= clarifai_settings(clarifai) | concurrency
    programs.settings["CLARIFAI_CALLS_PER_SECOND"] = "100"
    clarifai.script(*(HELD_ANSWER for _ in range(3)))
    async with programs.started() as first:
        posted = [await programs.post("", clip(n)) for n in range(8)]
        await clarifai.wait_for_calls(3)
        first.process.send_signal(signal.SIGTERM)
        await first.wait_for_line("shutting down")
        await discord.wait_disconnected()
        clarifai.release()
        assert await first.exit_code() == 0
    assert sum(bool(discord.replies_to(message)) for message in posted) == 3
    assert len(clarifai.calls) == 3
    assert "Traceback" not in first.log
    async with programs.running():
        for message in posted:
            await programs.answer(message)
    assert [len(discord.replies_to(message)) for message in posted] == [1] * 8
    assert len(clarifai.calls) == 8


async def test_a_second_signal_ends_the_process_at_once(
    clarifai: LoopbackClarifai, programs: Programs
) -> None:
    programs.settings |= clarifai_settings(clarifai)
    clarifai.script(Reply(hangs=True))
    async with programs.started() as program:
        await programs.post()
        await clarifai.called.wait()
        program.process.send_signal(signal.SIGTERM)
        await program.wait_for_line("shutting down")
        async with asyncio.timeout(10):  # running jobs have 20 s
            assert await program.stop(signal.SIGINT) == 128 + signal.SIGINT


async def test_sigint_stops_the_bot_like_sigterm(programs: Programs) -> None:
    async with programs.started(fresh=True) as program:
        assert await program.stop(signal.SIGINT) == 0
    assert "Traceback" not in program.log


async def test_a_start_without_a_network_is_retried(data_dir: Path, tmp_path: Path) -> None:
    discord = LoopbackDiscord(TOKEN, port=free_port())
    discord.add_guild("Cats").add_text_channel("videos")
    programs = Programs(discord, data_dir, tmp_path)
    async with programs.started(ready=False) as program:
        await program.wait_for_line("Discord unreachable, retrying")
        async with discord:
            await discord.wait_ready()
            await programs.answer(await programs.post())
            assert await program.stop() == 0
    assert '"level": "error"' not in program.log


async def test_a_bot_can_be_stopped_while_it_retries_its_start(
    data_dir: Path, tmp_path: Path
) -> None:
    discord = LoopbackDiscord(TOKEN, port=free_port())
    discord.add_guild("Cats").add_text_channel("videos")
    async with Programs(discord, data_dir, tmp_path).running(ready=False) as program:
        await program.wait_for_line("Discord unreachable, retrying")


async def test_a_worker_retries_its_start_too(
    discord: LoopbackDiscord, programs: Programs, postgres_url: str
) -> None:
    programs.settings["DATABASE_URL"] = postgres_url
    discord.faults.add("GET", "/users/@me", server_error(503))
    async with programs.running("worker", ready=False) as program:
        await program.wait_for_line("Discord unreachable, retrying")
        await program.wait_for_line("worker started")


async def test_a_metrics_port_in_use_is_a_settings_mistake(
    discord: LoopbackDiscord, programs: Programs
) -> None:
    async with programs.started(ready=False, METRICS_PORT=str(discord.port)) as program:
        assert await program.exit_code() == 2
    line = program.log.splitlines()[-1]
    assert line == f"METRICS_PORT: can't listen on 127.0.0.1:{discord.port}: Address already in use"
