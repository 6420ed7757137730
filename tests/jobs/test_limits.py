"""Limits on waiting and running jobs, in all and per server; on both databases."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from bot.domain.job import Job
from bot.errors import TaggerBusy
from bot.jobs.queue import JobLimits
from tests.jobs.recorder import Recorder, execute, finished_jobs, job

if TYPE_CHECKING:
    from bot.domain.clip import Clip
    from bot.jobs.queue import Intake, JobQueue
    from bot.runtime.app import App

OTHER_GUILD = 99
OTHER_PERSON = 98


async def test_a_job_beyond_the_waiting_limit_is_refused(queue: JobQueue) -> None:
    queue = replace(queue, limits=JobLimits(waiting=3))
    async with queue.accepting() as intake:
        for number in range(3):
            await intake.submit(job(number, author_id=number + 1))
        for _ in range(2):
            with pytest.raises(TaggerBusy):
                await intake.submit(job(3, author_id=4))
        await intake.submit(job(1, author_id=2))  # was accepted before, so it is not refused
        await intake.submit(Job("message-4", channel_id=8, guild_id=OTHER_GUILD, clips=()))
        figures = await intake.figures()
        assert (figures.waiting, figures.running) == (4, 0)
        assert 0 <= figures.age < 60
        await execute(queue, "DELETE FROM {jobs} WHERE workflow_uuid = 'message-0'")
        await intake.submit(job(3, author_id=4))
        with pytest.raises(TaggerBusy):
            await intake.submit(job(5, author_id=6))
    assert finished_jobs(queue, "busy") == 3


async def test_one_person_leaves_room_for_others_among_the_waiting_jobs(queue: JobQueue) -> None:
    queue = replace(queue, limits=JobLimits(waiting=6))
    async with queue.accepting() as intake:
        for number in range(3):
            await intake.submit(job(number, author_id=1))
        with pytest.raises(TaggerBusy):
            await intake.submit(job(3, author_id=1))
        for number in range(4, 7):
            await intake.submit(job(number, author_id=number))
        with pytest.raises(TaggerBusy):
            await intake.submit(job(7, author_id=7))


class Holding(Recorder):
    """Holds the jobs of an attacker until the test is over."""

    def __init__(self) -> None:
        super().__init__()
        self.held: list[str] = []
        self.over = asyncio.Event()

    async def refuse(self, job: Job) -> None:
        if job.author_id != OTHER_PERSON:
            self.held.append(job.id)
            await self._notify()
            await self.over.wait()
        await super().refuse(job)

    async def until_held(self, count: int) -> None:
        async with asyncio.timeout(60), self._changed:
            await self._changed.wait_for(lambda: len(self.held) >= count)


async def test_people_outside_of_servers_hold_a_part_of_all_places(
    queue: JobQueue, app: App, missing_clip: Clip
) -> None:
    queue = replace(queue, limits=JobLimits(worker=8, server=4))
    recorder = Holding()
    async with queue.accepting() as intake, queue.working(app.services.answerer, recorder):
        for number in range(12):
            person = 100 + number % 6
            outside = Job(f"message-{number}", number, (missing_clip,), author_id=person)
            await intake.submit(outside)
        for number in range(12, 15):
            await intake.submit(job(number, missing_clip, author_id=OTHER_PERSON))
        await recorder.until_held(2)
        await recorder.until(refusals=3)
        assert len(recorder.held) == 2  # a quarter of the places
        recorder.over.set()
        await recorder.until(refusals=15)


async def test_one_busy_server_does_not_hold_up_another(
    queue: JobQueue, app: App, missing_clip: Clip
) -> None:
    queue = replace(queue, limits=JobLimits(worker=4, server=2, waiting=250))
    recorder = Recorder()
    async with queue.accepting() as intake, queue.working(app.services.answerer, recorder):
        for number in range(60):
            await intake.submit(job(number, missing_clip, author_id=number % 2 + 1))
        await recorder.until(refusals=1)
        before = len(recorder.refusals)
        await intake.submit(Job("other", 8, (missing_clip,), guild_id=OTHER_GUILD, message_id=5))
        await recorder.until_refused("other")
        meanwhile = recorder.refusals.index("other") - before
        assert (await intake.figures()).waiting > 30
    # At most the jobs that ran already, and those that two polls took from the busy server.
    assert meanwhile <= 6


class Rendezvous(Recorder):
    """Holds jobs until the expected number runs, then asks the queue how many do."""

    def __init__(self, intake: Intake, expected: int) -> None:
        super().__init__()
        self.running = 0
        self._intake = intake
        self._expected = expected
        self._arrived = 0
        self._open = asyncio.Event()

    async def refuse(self, job: Job) -> None:
        self._arrived += 1
        if self._arrived == self._expected:
            self.running = (await self._intake.figures()).running
            self._open.set()
        async with asyncio.timeout(60):
            await self._open.wait()
        await super().refuse(job)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize(("servers", "expected"), [(1, 2), (6, 3)])
async def test_the_limits_of_a_server_and_of_a_worker_hold(
    queue: JobQueue, app: App, missing_clip: Clip, servers: int, expected: int
) -> None:
    before = replace(queue, limits=JobLimits(worker=1, server=1))
    async with queue.accepting(), before.working(app.services.answerer, Recorder()):
        pass  # DBOS stores the limits; those of an earlier run must not apply
    queue = replace(queue, limits=JobLimits(worker=3, server=2, waiting=6))
    async with queue.accepting() as intake:
        for number in range(6):
            guild_id, person = 100 + number % servers, 1 + number
            job = Job(
                f"message-{number}", 8, (missing_clip,), guild_id, message_id=5, author_id=person
            )
            await intake.submit(job)
        recorder = Rendezvous(intake, expected)
        async with queue.working(app.services.answerer, recorder):
            await recorder.until(refusals=6)
    assert recorder.running == expected
