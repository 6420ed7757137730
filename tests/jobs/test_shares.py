"""How the people of a server, its webhooks and its bots share its places; on both databases."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from bot.errors import TaggerBusy
from bot.jobs.queue import JobLimits
from tests.jobs.recorder import Recorder, job

if TYPE_CHECKING:
    from bot.domain.clip import Clip
    from bot.domain.job import Job
    from bot.jobs.queue import JobQueue
    from bot.runtime.app import App

ANN, BOB = 51, 52


class Holding(Recorder):
    """Holds every job until the test lets it go."""

    def __init__(self) -> None:
        super().__init__()
        self.running: list[str] = []
        self._let_go: set[str] = set()

    async def refuse(self, job: Job) -> None:
        self.running.append(job.id)
        await self._notify()
        async with asyncio.timeout(60), self._changed:
            await self._changed.wait_for(lambda: {job.id, "all"} & self._let_go)
        await super().refuse(job)

    async def let_go(self, job_id: str = "all") -> None:
        self._let_go.add(job_id)
        await self._notify()

    async def until_running(self, *numbers: int) -> None:
        wanted = {f"message-{number}" for number in numbers}
        async with asyncio.timeout(60), self._changed:
            await self._changed.wait_for(lambda: len(self.running) >= len(wanted))
        assert set(self.running) == wanted


async def test_one_person_has_all_places_until_somebody_else_waits(
    queue: JobQueue, app: App, missing_clip: Clip
) -> None:
    queue = replace(queue, limits=JobLimits(worker=8, server=2))
    recorder = Holding()
    async with queue.accepting() as intake, queue.working(app.services.answerer, recorder):
        for number in range(1, 5):
            await intake.submit(job(number, missing_clip, author_id=ANN))
        await recorder.until_running(1, 2)
        await intake.submit(job(10, missing_clip, author_id=BOB))
        await recorder.let_go("message-1")
        await recorder.until_running(1, 2, 10)
        await recorder.let_go("message-2")  # Bob's next one would come first, but he has none
        await recorder.until_running(1, 2, 10, 3)
        await recorder.let_go()
        await recorder.until(refusals=5)


async def test_somebody_who_posts_much_has_half_of_the_places_if_another_person_posts(
    queue: JobQueue, app: App, missing_clip: Clip
) -> None:
    queue = replace(queue, limits=JobLimits(worker=8, server=4))
    recorder = Holding()
    async with queue.accepting() as intake:
        for number in (*range(1, 9), *range(10, 14)):
            person = ANN if number < 10 else BOB
            await intake.submit(job(number, missing_clip, author_id=person))
        async with queue.working(app.services.answerer, recorder):
            await recorder.until_running(1, 2, 10, 11)
            await recorder.let_go()
            await recorder.until(refusals=12)


async def test_no_place_of_a_server_stays_empty_while_somebody_waits(
    queue: JobQueue, app: App, missing_clip: Clip
) -> None:
    """Of three places, each of two people has one; the third goes to the one who waited longer."""
    queue = replace(queue, limits=JobLimits(worker=8, server=3))
    recorder = Holding()
    async with queue.accepting() as intake:
        for number in range(1, 4):
            await intake.submit(job(number, missing_clip, author_id=ANN))
            await intake.submit(job(10 * number, missing_clip, author_id=BOB))
        async with queue.working(app.services.answerer, recorder):
            await recorder.until_running(1, 10, 2)
            await recorder.let_go()
            await recorder.until(refusals=6)


async def test_webhooks_and_bots_share_one_persons_part(
    queue: JobQueue, app: App, missing_clip: Clip
) -> None:
    queue = replace(queue, limits=JobLimits(worker=8, server=2, waiting=6))
    recorder = Holding()
    async with queue.accepting() as intake:
        for number in range(1, 4):
            await intake.submit(job(number, missing_clip))
        with pytest.raises(TaggerBusy):
            await intake.submit(job(4, missing_clip))
        await intake.submit(job(10, missing_clip, author_id=ANN))
        async with queue.working(app.services.answerer, recorder):
            await recorder.until_running(1, 10)
            await recorder.let_go()
            await recorder.until(refusals=4)
