"""Submitting, abandoning and carrying out jobs in any order: each is carried out exactly once."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from dataclasses import replace
from functools import partial
from itertools import count
from typing import TYPE_CHECKING, Any

from hypothesis import HealthCheck, settings, strategies
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from bot.domain.clip import Clip
from bot.domain.job import Job
from bot.errors import TaggerBusy
from bot.jobs.queue import JobLimits
from bot.runtime import app as wiring
from tests.jobs.recorder import Recorder, execute

if TYPE_CHECKING:
    from collections.abc import Callable

    from bot.jobs.queue import Intake, JobQueue

# Refused before anything is fetched, as only the queue is tested here.
CLIP = Clip("x", "ftp://nowhere/")
MAX_WAITING = 3
NUMBERS = strategies.integers(0, 7)
OWNERS = strategies.integers(1, 2)
ABANDON = (
    "UPDATE {jobs} SET status = 'PENDING', executor_id = 'dead', recovery_attempts = 1"
    " WHERE workflow_uuid = :job AND status = 'ENQUEUED'"
)


class JobStore(RuleBasedStateMachine):
    """The queue and a model of it: IDs of jobs waiting, abandoned by a dead worker, and done."""

    example = count()

    def __init__(self, config: Any) -> None:
        super().__init__()
        self._example = next(self.example)
        self._waiting: dict[str, int] = {}
        self._abandoned: dict[str, int] = {}
        self._done: list[str] = []
        self._runs = 0
        self._recorder = Recorder(again_allowed=True)
        self._runner = asyncio.Runner()
        self._stack = AsyncExitStack()
        self._run = self._runner.run
        self._run(self._open(config))

    async def _open(self, config: Any) -> None:
        queue = wiring.job_queue(config)
        # Abandoned jobs count as running until they are taken over, so the limits are high.
        limits = JobLimits(worker=20, server=20, waiting=MAX_WAITING)
        self._queue: JobQueue = replace(queue, limits=limits)
        app = await self._stack.enter_async_context(wiring.opened(config))
        self._answerer = app.services.answerer
        self._intake: Intake = await self._stack.enter_async_context(self._queue.accepting())

    @rule(number=NUMBERS, owner=OWNERS)
    def submit(self, number: int, owner: int) -> None:
        guild = 1000 * self._example + owner
        job = Job(
            f"{self._example}-{owner}-{number}",
            7,
            (CLIP,),
            guild,
            message_id=1,
            author_id=1 + number,
        )
        known = {*self._waiting, *self._abandoned, *self._done}
        full = list(self._waiting.values()).count(guild) >= MAX_WAITING
        try:
            self._run(self._intake.submit(job))
        except TaggerBusy:
            assert full
            assert job.id not in known
        else:
            assert job.id in known or not full
            if job.id not in known:
                self._waiting[job.id] = guild

    @precondition(lambda self: self._waiting)
    @rule(data=strategies.data())
    def abandon(self, data: strategies.DataObject) -> None:
        """Make a worker take a job and die."""
        job = data.draw(strategies.sampled_from(sorted(self._waiting)))
        self._run(execute(self._queue, ABANDON, job=job))
        self._abandoned[job] = self._waiting.pop(job)

    @precondition(lambda self: self._waiting and self._runs < 1)
    @rule()
    def work(self) -> None:
        self._runs += 1
        self._run(self._work(recovering=False))
        self._done += self._waiting
        self._waiting.clear()

    @invariant()
    def figures_are_right(self) -> None:
        figures = self._run(self._intake.figures())
        assert (figures.waiting, figures.running) == (len(self._waiting), len(self._abandoned))
        assert sorted(self._recorder.refusals) == sorted(self._done)

    async def _work(self, *, recovering: bool) -> None:
        expected = len(self._done) + len(self._waiting)
        async with self._queue.working(self._answerer, self._recorder) as worker:
            assert await worker.other_workers() == ({"dead"} if self._abandoned else set())
            if recovering:
                assert await worker.recover("dead") == len(self._abandoned)
                expected += len(self._abandoned)
            await self._recorder.until(refusals=expected)

    def teardown(self) -> None:
        try:
            self._run(self._work(recovering=True))
            self._done += [*self._waiting, *self._abandoned]
            self._waiting.clear()
            self._abandoned.clear()
            self.figures_are_right()
        finally:
            self._run(self._stack.aclose())
            self._runner.close()


def test_every_job_is_carried_out_exactly_once(
    make_config: Callable[..., Any], database_url: str
) -> None:
    config = make_config(database_url=database_url)
    run_state_machine_as_test(
        partial(JobStore, config),  # type: ignore[arg-type]  # any factory will do
        settings=settings(
            max_examples=2,
            stateful_step_count=12,
            suppress_health_check=list(HealthCheck),
        ),
    )
