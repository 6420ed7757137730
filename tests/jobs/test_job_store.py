"""Whatever is submitted, abandoned and carried out in whatever order: once each, nothing lost."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from dataclasses import replace
from functools import partial
from itertools import count
from typing import TYPE_CHECKING, Any

import pytest
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
from bot.jobs.queue import Share
from bot.runtime import app as wiring
from tests.jobs.test_fair_shares import execute
from tests.jobs.test_queue import Recorder

if TYPE_CHECKING:
    from collections.abc import Callable

    from bot.jobs.queue import Intake, JobQueue

# Refused before anything is fetched: what is tried here is the queue.
CLIP = Clip("x", "ftp://nowhere/")
MAX_WAITING = 3
NUMBERS = strategies.integers(0, 7)
OWNERS = strategies.integers(1, 2)
ABANDON = (
    "UPDATE {jobs} SET status = 'PENDING', executor_id = 'dead', recovery_attempts = 1"
    " WHERE workflow_uuid = :job AND status = 'ENQUEUED'"
)


class JobStore(RuleBasedStateMachine):
    """Jobs by id, as they should be: waiting, abandoned by a dead worker, or done."""

    example = count()

    def __init__(self, config: Any) -> None:
        super().__init__()
        self._number = next(self.example)
        self._waiting: dict[str, int] = {}
        self._abandoned: dict[str, int] = {}
        self._done: list[str] = []
        self._works = 0
        self._recorder = Recorder(again_allowed=True)
        self._runner = asyncio.Runner()
        self._stack = AsyncExitStack()
        self._run = self._runner.run
        self._run(self._open(config))

    async def _open(self, config: Any) -> None:
        queue = wiring.job_queue(config)
        # Abandoned jobs keep their server's places until they are taken over: have enough of them.
        share = Share(worker=20, server=20, waiting=MAX_WAITING)
        self._queue: JobQueue = replace(queue, share=share)
        app = await self._stack.enter_async_context(wiring.opened(config))
        self._answerer = app.answerer
        self._intake: Intake = await self._stack.enter_async_context(self._queue.accepting())

    @rule(number=NUMBERS, owner=OWNERS)
    def submit(self, number: int, owner: int) -> None:
        guild = 1000 * self._number + owner
        job = Job(f"{self._number}-{owner}-{number}", 7, (CLIP,), guild, message_id=1)
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
        """Let a worker take a job and die."""
        job = data.draw(strategies.sampled_from(sorted(self._waiting)))
        self._run(execute(self._queue, ABANDON, job=job))
        self._abandoned[job] = self._waiting.pop(job)

    @precondition(lambda self: self._waiting and self._works < 1)
    @rule()
    def work(self) -> None:
        self._works += 1
        self._run(self._work(taking_over=False))
        self._done += self._waiting
        self._waiting.clear()

    @invariant()
    def it_counts_right(self) -> None:
        figures = self._run(self._intake.figures())
        assert (figures.waiting, figures.running) == (len(self._waiting), len(self._abandoned))
        assert sorted(self._recorder.refusals) == sorted(self._done)

    async def _work(self, *, taking_over: bool) -> None:
        expected = len(self._done) + len(self._waiting)
        async with self._queue.working(self._answerer, self._recorder) as work:
            assert await work.other_workers() == ({"dead"} if self._abandoned else set())
            if taking_over:
                assert await work.recover("dead") == len(self._abandoned)
                expected += len(self._abandoned)
            await self._recorder.until(refusals=expected)

    def teardown(self) -> None:
        try:
            self._run(self._work(taking_over=True))
            self._done += [*self._waiting, *self._abandoned]
            self._waiting.clear()
            self._abandoned.clear()
            self.it_counts_right()
        finally:
            self._run(self._stack.aclose())
            self._runner.close()


@pytest.mark.timeout(120)
def test_the_job_store_keeps_its_promises(
    make_config: Callable[..., Any], database_url: str
) -> None:
    config = make_config(database_url=database_url)
    run_state_machine_as_test(
        partial(JobStore, config),  # type: ignore[arg-type]  # any factory will do
        settings=settings(
            max_examples=3,
            stateful_step_count=12,
            suppress_health_check=list(HealthCheck),
        ),
    )
