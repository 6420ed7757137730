"""Several processes on one PostgreSQL database; one of them dies or is disconnected."""

from __future__ import annotations

import asyncio
import signal
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import TYPE_CHECKING

import aiohttp
import pytest

from tests.processes.programs import (
    Program,
    answer_to,
    clarifai_settings,
    settings_for,
    started,
    switch_text_off,
)
from tests.processes.running_bot import CAT, CAT_FILE, channel_and_member, ended_well
from tests.stand_ins.clarifai_replies import recorded
from tests.stand_ins.postgres import free_port
from tests.storage.test_locks import cut_connections

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from loopback_discord import LoopbackDiscord
    from tests.stand_ins.clarifai import LoopbackClarifai
    from tests.stand_ins.postgres import PostgresServer

pytestmark = pytest.mark.process

HELD_ANSWER = replace(recorded("video_beer_2017.json"), hangs=True)
TIMEOUT = 90  # seconds; two checks for dead workers take up to ten


class Cluster:
    """A gateway and workers, started one by one."""

    def __init__(
        self,
        discord: LoopbackDiscord,
        stack: AsyncExitStack,
        settings: dict[str, str],
        folder: Path,
    ) -> None:
        self._discord = discord
        self._stack = stack
        self._settings = settings
        self._folder = folder

    async def gateway(self, **settings: str) -> Program:
        switch_text_off(self._discord, self._settings["DATABASE_URL"])
        # As in compose.yaml: it knows that there is a token, but only workers know the token.
        settings = {"CLARIFAI_PAT": "only-workers-have-it", **settings}
        return await self._start("gateway", settings, "run", "--no-worker")

    async def worker(self, name: str, **settings: str) -> Program:
        program = await self._start(name, {"WORKER_ID": name, **settings}, "worker")
        await program.wait_for_line("worker started")
        return program

    async def _start(self, name: str, settings: dict[str, str], *arguments: str) -> Program:
        environment = {**self._settings, **settings}
        return await self._stack.enter_async_context(
            started(environment, self._folder / name, *arguments)
        )


@pytest.fixture
async def cluster(
    discord: LoopbackDiscord,
    clarifai: LoopbackClarifai,
    postgres_url: str,
    data_dir: Path,
    tmp_path: Path,
) -> AsyncIterator[Cluster]:
    settings = {
        **settings_for(discord, data_dir),
        **clarifai_settings(clarifai),
        "DATABASE_URL": postgres_url,
    }
    async with AsyncExitStack() as stack:
        yield Cluster(discord, stack, settings, tmp_path)


async def test_a_disconnected_worker_does_not_answer_again(
    discord: LoopbackDiscord, clarifai: LoopbackClarifai, cluster: Cluster, postgres_url: str
) -> None:
    clarifai.script(HELD_ANSWER)
    gateway, first = await cluster.gateway(), await cluster.worker("one")
    await discord.wait_ready()
    channel, ann = channel_and_member(discord)
    posted = await ann.post(channel, "", files=[CAT_FILE])
    await clarifai.called.wait()
    second = await cluster.worker("two")
    first.process.send_signal(signal.SIGSTOP)
    cut_connections(postgres_url)
    await answer_to(discord, posted, TIMEOUT)
    # The first one's reply arrives while it wakes up.
    clarifai.release()
    first.process.send_signal(signal.SIGCONT)
    async with ended_well(gateway, first, second):
        later = await ann.post(channel, "", files=[("b.gif", CAT + b"b", "image/gif")])
        await answer_to(discord, later, TIMEOUT)
    assert "jobs of a dead worker recovered" in second.log
    assert len(discord.replies_to(posted)) == 1
    assert len(discord.replies_to(later)) == 1


async def test_workers_share_taggings_in_progress_and_the_rate_limit(
    discord: LoopbackDiscord, clarifai: LoopbackClarifai, cluster: Cluster
) -> None:
    servers = [discord.add_guild(f"Server {number}") for number in range(10)]
    places = [(server.add_text_channel("clips"), server.add_member("bob")) for server in servers]
    gateway = await cluster.gateway()
    await discord.wait_ready()
    posted = [await bob.post(channel, "", files=[CAT_FILE]) for channel, bob in places]
    for number, (channel, bob) in enumerate(places[:3]):
        clips = [(f"{n}.gif", CAT + bytes([number, n]), "image/gif") for n in range(4)]
        posted.append(await bob.post(channel, "", files=clips))
    settings = {"CLARIFAI_CALLS_PER_SECOND": "5"}
    workers = await asyncio.gather(*(cluster.worker(n, **settings) for n in ("one", "two")))
    async with ended_well(gateway, *workers):
        for message in posted:
            await answer_to(discord, message, TIMEOUT)
    # One call for the clip that was posted ten times, one for each of the other twelve.
    moments = sorted(call.at for call in clarifai.calls)
    assert len(moments) == 13
    # A call may come late but never early: one every fifth of a second, less the first one's delay.
    for number, moment in enumerate(moments):
        assert moment - moments[0] >= number / 5 - 0.15


async def test_a_database_restart_loses_no_answer(
    discord: LoopbackDiscord,
    clarifai: LoopbackClarifai,
    cluster: Cluster,
    postgres: PostgresServer,
) -> None:
    clarifai.script(HELD_ANSWER)
    gateway, worker = await cluster.gateway(), await cluster.worker("one")
    await discord.wait_ready()
    channel, ann = channel_and_member(discord)
    posted = await ann.post(channel, "", files=[CAT_FILE])
    await clarifai.called.wait()
    await asyncio.to_thread(postgres.cluster.stop)
    meanwhile = await ann.post(channel, "", files=[("b.gif", CAT + b"b", "image/gif")])
    clarifai.release()
    await asyncio.to_thread(postgres.cluster.start, postgres.port)
    async with ended_well(gateway, worker):
        for message in (posted, meanwhile):
            await answer_to(discord, message, TIMEOUT)
    assert len(discord.replies_to(posted)) == len(discord.replies_to(meanwhile)) == 1


async def test_a_gateway_stops_while_its_database_is_away(
    discord: LoopbackDiscord, cluster: Cluster, postgres: PostgresServer
) -> None:
    gateway = await cluster.gateway()
    await discord.wait_ready()
    channel, ann = channel_and_member(discord)
    await asyncio.to_thread(postgres.cluster.stop)
    try:
        await ann.post(channel, "", files=[CAT_FILE])
        await gateway.wait_for_line("retry_scheduled")
        async with ended_well(gateway):
            pass
    finally:
        await asyncio.to_thread(postgres.cluster.start, postgres.port)


async def test_a_worker_serves_health_and_metrics(
    discord: LoopbackDiscord, clarifai: LoopbackClarifai, cluster: Cluster
) -> None:
    ports = free_port(), free_port()
    gateway = await cluster.gateway(METRICS_PORT=str(ports[0]))
    worker = await cluster.worker("one", METRICS_PORT=str(ports[1]))
    await discord.wait_ready()
    channel, ann = channel_and_member(discord)
    posted = await ann.post(channel, "", files=[CAT_FILE])
    await answer_to(discord, posted, TIMEOUT)
    again = await ann.post(channel, "", files=[CAT_FILE])
    await answer_to(discord, again, TIMEOUT)
    await gateway.wait_for_line('"event": "ready"')
    async with ended_well(gateway, worker), aiohttp.ClientSession() as session:
        for port, parts in zip(
            ports, ({"gateway", "database", "queue"}, {"database", "queue"}), strict=True
        ):
            async with session.get(f"http://127.0.0.1:{port}/healthz") as answer:
                assert (answer.status, await answer.json()) == (200, dict.fromkeys(parts, True))
        async with session.get(f"http://127.0.0.1:{ports[1]}/metrics") as answer:
            page = await answer.text()
        async with session.get(f"http://127.0.0.1:{ports[0]}/metrics") as answer:
            assert 'framehound_gateway_latency_seconds{shard="0"}' in await answer.text()
    lines = set(page.splitlines())
    assert 'framehound_jobs_finished_total{outcome="answered"} 2.0' in lines
    assert 'framehound_clarifai_calls_total{outcome="ok"} 1.0' in lines
    assert f"framehound_frames_billed_total {float(clarifai.billed_frames)}" in lines
    assert "framehound_cache_hits_total 1.0" in lines
    assert 'framehound_stage_seconds_count{stage="tag"} 1.0' in lines
    assert 'framehound_stage_seconds_count{stage="download"} 2.0' in lines
    assert 'framehound_stage_seconds_count{stage="probe"} 1.0' in lines
    assert 'framehound_jobs{state="waiting"} 0.0' in lines
    assert "framehound_queue_age_seconds 0.0" in lines
    assert "framehound_circuit_open 0.0" in lines
