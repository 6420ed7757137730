"""A dead worker's jobs are taken over by another; on both databases."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from bot.jobs.recovery import Recovery, worker_name
from bot.storage import locks
from bot.storage.database import StorageUnavailable
from tests.jobs.recorder import Recorder, execute, finished_jobs, job, until_recorded

if TYPE_CHECKING:
    from bot.domain.clip import Clip
    from bot.jobs.queue import JobQueue
    from bot.runtime.app import App
    from tests.conftest import ClipHost


async def test_a_job_that_was_taken_over_is_left_to_the_other_worker(
    queue: JobQueue, app: App, clip_host: ClipHost, missing_clip: Clip
) -> None:
    recorder = Recorder()
    clip_host.hold_all()
    async with queue.accepting() as intake, queue.working(app.services.answerer, recorder):
        await intake.submit(job(1, missing_clip))
        await clip_host.arrived.wait()
        await execute(queue, "UPDATE {jobs} SET executor_id = 'another'")
        clip_host.let_go()
        await until_recorded("message-1")
    assert not recorder.refusals
    assert not recorder.answers
    assert finished_jobs(queue, "handed_over") == 1


async def test_a_job_recovered_too_often_is_abandoned(
    queue: JobQueue, app: App, clip_host: ClipHost, clip: Clip
) -> None:
    recorder = Recorder(again_allowed=True)
    clip_host.hold_all()
    async with (
        queue.accepting() as intake,
        queue.working(app.services.answerer, recorder) as worker,
    ):
        await intake.submit(job(1, clip, requested=True))
        for attempt in range(1, 4):
            await clip_host.arrived.wait()
            clip_host.arrived.clear()
            assert len(clip_host.asked) == attempt
            assert await worker.recover(queue.worker_id) == 1
        await recorder.until(answers=1)
        clip_host.let_go()
    assert [content for _, content in recorder.answers] == [
        "**short.gif** · I got interrupted every time I worked on this clip, so I gave up."
    ]
    assert finished_jobs(queue, "abandoned") == 1


async def test_other_workers_are_known_by_their_running_jobs(
    queue: JobQueue, app: App, clip_host: ClipHost, missing_clip: Clip
) -> None:
    clip_host.hold_all()
    async with (
        queue.accepting() as intake,
        queue.working(app.services.answerer, Recorder()) as worker,
    ):
        assert await worker.other_workers() == set()
        await intake.submit(job(1, missing_clip))
        await clip_host.arrived.wait()
        assert await worker.other_workers() == set()
        assert (await worker.figures()).running == 1
        await execute(queue, "UPDATE {jobs} SET executor_id = 'another'")
        assert await worker.other_workers() == {"another"}
        clip_host.let_go()
        await until_recorded("message-1")
        assert await worker.other_workers() == set()


class QueueOfOthers:
    """A queue with running jobs of other workers."""

    def __init__(self, *workers: str) -> None:
        self.workers = set(workers)
        self.recovered: list[str] = []
        self.failures: list[Exception] = []
        self.checked = asyncio.Event()

    async def other_workers(self) -> set[str]:
        if self.failures:
            raise self.failures.pop()
        self.checked.set()
        return self.workers

    async def recover(self, worker_id: str) -> int:
        self.recovered.append(worker_id)
        return 1


async def test_a_worker_counts_as_dead_after_two_checks(
    database_url: str,
) -> None:
    queue = QueueOfOthers("alive", "gone")
    async with locks.opened(database_url) as theirs, locks.opened(database_url) as ours:
        assert await theirs.acquire(worker_name("alive"))
        recovery = Recovery(queue, ours)
        await recovery.check()
        assert await theirs.acquire(worker_name("gone"))  # it was only cut off
        await recovery.check()
        await theirs.release(worker_name("gone"))
        await recovery.check()
        assert queue.recovered == []
        await recovery.check()
        assert queue.recovered == ["gone"]
        assert await theirs.acquire(worker_name("gone"))


async def test_checks_continue_after_failed_checks(sqlite_url: str) -> None:
    queue = QueueOfOthers()
    queue.failures = [RuntimeError("a defect"), StorageUnavailable()]
    async with (
        locks.opened(sqlite_url) as ours,
        Recovery(queue, ours, pause=0.01).running(),
        asyncio.timeout(60),
    ):
        await queue.checked.wait()
