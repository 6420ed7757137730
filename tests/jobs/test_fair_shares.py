"""Who gets how much of the queue, and jobs that change hands; on both databases."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from dbos import DBOS
from sqlalchemy import text

from bot.domain.clip import Clip
from bot.domain.job import Interaction, Job
from bot.errors import TaggerBusy
from bot.jobs.queue import Share
from bot.jobs.recovery import Recovery, worker_name
from bot.jobs.workflow import JobTimeouts
from bot.runtime import app as wiring
from bot.storage import locks
from bot.storage.address import DatabaseAddress
from bot.storage.engine import create_engine
from bot.storage.errors import StorageUnavailable
from tests.jobs.test_queue import Recorder, job

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from dbos import WorkflowHandleAsync

    from bot.domain.settings import GuildSettings
    from bot.jobs.queue import Intake, JobQueue
    from bot.runtime.app import App
    from bot.services.answer_job import ShownProgress
    from tests.conftest import ClipHost

OTHERS = 99


@pytest.fixture
def queue(make_config: Callable[..., Any], database_url: str) -> JobQueue:
    queue = wiring.job_queue(make_config(database_url=database_url))
    return replace(queue, share=Share(worker=4, server=2, waiting=3))


@pytest.fixture
async def app(
    make_config: Callable[..., Any], open_app: Callable[..., Any], database_url: str
) -> App:
    app: App = await open_app(make_config(database_url=database_url))
    return app


def count(queue: JobQueue, outcome: str) -> float:
    name = "framehound_jobs_finished_total"
    return queue.metrics.registry.get_sample_value(name, {"outcome": outcome}) or 0


async def done(job_id: str) -> None:
    handle: WorkflowHandleAsync[None] = await DBOS.retrieve_workflow_async(job_id)
    await handle.get_result()


async def execute(queue: JobQueue, statement: str, **values: object) -> None:
    address = DatabaseAddress.parse(queue.database_url)
    engine = await create_engine(address, 8)
    where = "workflow_status" if address.path else "dbos.workflow_status"
    async with engine.begin() as connection:
        await connection.execute(text(statement.format(jobs=where)), values)
    await engine.dispose()


async def test_beyond_what_may_wait_people_are_told(queue: JobQueue) -> None:
    async with queue.accepting() as intake:
        for number in range(3):
            await intake.submit(job(number))
        for _ in range(2):
            with pytest.raises(TaggerBusy):
                await intake.submit(job(3))
        await intake.submit(job(1))  # told of again, and accepted long ago
        await intake.submit(Job("message-4", channel_id=8, guild_id=OTHERS, clips=()))
        figures = await intake.figures()
        assert (figures.waiting, figures.running) == (4, 0)
        assert 0 <= figures.age < 60
        await execute(queue, "DELETE FROM {jobs} WHERE workflow_uuid = 'message-0'")
        await intake.submit(job(3))
        with pytest.raises(TaggerBusy):
            await intake.submit(job(5))
    assert count(queue, "busy") == 3


async def test_one_busy_server_does_not_hold_up_another(
    queue: JobQueue, app: App, clip_host: ClipHost
) -> None:
    queue = replace(queue, share=Share(worker=4, server=2, waiting=250))
    recorder = Recorder()
    missing = Clip("x.gif", clip_host.url("x.gif"))
    async with queue.accepting() as intake, queue.working(app.answerer, recorder):
        for number in range(200):
            await intake.submit(job(number, missing))
        await recorder.until(refusals=1)
        before = len(recorder.refusals)
        await intake.submit(Job("other", 8, (missing,), guild_id=OTHERS, message_id=5))
        await recorder.until_refused("other")
        meanwhile = recorder.refusals.index("other") - before
        assert (await intake.figures()).waiting > 100
    # At most what was under way, and what two turns of the busy server took with them.
    assert meanwhile <= 6


class Crowd(Recorder):
    """Keeps jobs under way until as many as expected are, and notes how many were at most."""

    def __init__(self, intake: Intake, expected: int) -> None:
        super().__init__()
        self.most = 0
        self._intake = intake
        self._expected = expected
        self._open = asyncio.Event()

    async def refuse(self, job: Job) -> None:
        if not self._open.is_set():
            with suppress(TimeoutError):
                async with asyncio.timeout(20):
                    await self._gather()
            self._open.set()
        await super().refuse(job)

    async def _gather(self) -> None:
        while self.most < self._expected and not self._open.is_set():
            self.most = max(self.most, (await self._intake.figures()).running)
            await asyncio.sleep(0.02)  # the queue, too, wants to get at its database


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize(("servers", "expected"), [(1, 2), (6, 3)])
async def test_as_many_jobs_run_at_once_as_a_server_and_a_process_may(
    queue: JobQueue, app: App, clip_host: ClipHost, servers: int, expected: int
) -> None:
    missing = Clip("x.gif", clip_host.url("x.gif"))
    before = replace(queue, share=Share(worker=1, server=1))
    async with queue.accepting(), before.working(app.answerer, Recorder()):
        pass  # the shares of an earlier run no longer count
    queue = replace(queue, share=Share(worker=3, server=2, waiting=6))
    async with queue.accepting() as intake:
        for number in range(6):
            guild_id = 100 + number % servers
            await intake.submit(Job(f"message-{number}", 8, (missing,), guild_id, message_id=5))
        crowd = Crowd(intake, expected)
        async with queue.working(app.answerer, crowd):
            await crowd.until(refusals=6)
    assert crowd.most == expected


class Speechless(Recorder):
    """Never gets through to anybody."""

    async def refuse(self, job: Job) -> None:
        self.refusals.append(job.id)
        raise OSError("no connection")


async def test_a_job_that_cannot_be_answered_ends_and_is_counted(
    queue: JobQueue, app: App, clip_host: ClipHost
) -> None:
    speechless = Speechless()
    queue = replace(queue, patience=JobTimeouts(first_pause=0.001))
    async with queue.accepting() as intake, queue.working(app.answerer, speechless):
        await intake.submit(job(1, Clip("x.gif", clip_host.url("x.gif"))))
        await done("message-1")
    assert len(speechless.refusals) == 10
    assert count(queue, "unanswered") == 1


async def test_a_job_too_old_is_dropped_and_counted(
    queue: JobQueue, app: App, clip_host: ClipHost
) -> None:
    recorder = Recorder()
    queue = replace(queue, patience=JobTimeouts(max_age=1800))
    async with queue.accepting() as intake:
        await intake.submit(job(1, Clip("x.gif", clip_host.url("x.gif"))))
        await execute(queue, "UPDATE {jobs} SET created_at = created_at - 1801000")
        await intake.submit(job(2, Clip("x.gif", clip_host.url("x.gif"))))
        async with queue.working(app.answerer, recorder):
            await done("message-1")
            await done("message-2")
    assert recorder.refusals == ["message-2"]
    assert count(queue, "dropped") == count(queue, "marked") == 1


async def test_a_job_that_was_taken_over_is_left_to_who_took_it(
    queue: JobQueue, app: App, clip_host: ClipHost
) -> None:
    recorder = Recorder()
    clip_host.hold_all()
    async with queue.accepting() as intake, queue.working(app.answerer, recorder):
        await intake.submit(job(1, Clip("x.gif", clip_host.url("x.gif"))))
        await clip_host.arrived.wait()
        await execute(queue, "UPDATE {jobs} SET executor_id = 'another'")
        clip_host.let_go()
        await done("message-1")
    assert not recorder.refusals
    assert not recorder.answers
    assert count(queue, "handed_over") == 1


async def test_what_is_cut_off_at_the_end_is_logged_without_its_token(
    queue: JobQueue, app: App, clip_host: ClipHost, caplog: pytest.LogCaptureFixture
) -> None:
    queue = replace(queue, patience=JobTimeouts(grace=1))
    clip_host.hold_all()
    clip = Clip("x.gif", clip_host.url("x.gif"))
    async with queue.accepting() as intake:
        async with queue.working(app.answerer, Recorder()):
            await intake.submit(job(1, clip, interaction=Interaction(1, "s3cr3t")))
            await clip_host.arrived.wait()
        assert (await intake.figures()).running == 1
    assert "s3cr3t" not in caplog.text


class Shower(Recorder):
    """Knows whether work is shown."""

    shown = 0

    @asynccontextmanager
    async def show_progress(
        self, job: Job, settings: GuildSettings, *, again: bool
    ) -> AsyncIterator[ShownProgress]:
        self.shown += 1
        async with super().show_progress(job, settings, again=again) as shown:
            try:
                yield shown
            finally:
                await asyncio.to_thread(list)  # ends need threads, as those of downloads do
                self.shown -= 1


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_what_is_cut_off_has_ended_before_what_it_works_with_is_closed(
    queue: JobQueue, app: App, clip_host: ClipHost
) -> None:
    shower = Shower()
    queue = replace(queue, patience=JobTimeouts(grace=1))
    clip_host.hold_all()
    async with queue.accepting() as intake:
        async with queue.working(app.answerer, shower):
            await intake.submit(job(1, Clip("x.gif", clip_host.url("x.gif"))))
            await clip_host.arrived.wait()
            assert shower.shown == 1
        assert shower.shown == 0
        assert (await intake.figures()).running == 1


async def test_a_job_taken_over_time_after_time_is_given_up(
    queue: JobQueue, app: App, clip_host: ClipHost
) -> None:
    recorder = Recorder(again_allowed=True)
    clip_host.hold_all()
    clip = Clip("montage.gif", clip_host.url("montage.gif"))
    async with queue.accepting() as intake, queue.working(app.answerer, recorder) as work:
        await intake.submit(job(1, clip, asked=True))
        for attempt in range(1, 4):
            await clip_host.arrived.wait()
            clip_host.arrived.clear()
            assert len(clip_host.asked) == attempt
            assert await work.recover(queue.worker_id) == 1
        await recorder.until(answers=1)
        clip_host.let_go()
    assert [content for _, content in recorder.answers] == [
        "**montage.gif** · I was cut off every time I tried this, so I gave up."
    ]
    assert count(queue, "given_up") == 1


async def test_workers_are_known_by_their_jobs(
    queue: JobQueue, app: App, clip_host: ClipHost
) -> None:
    clip_host.hold_all()
    async with queue.accepting() as intake, queue.working(app.answerer, Recorder()) as work:
        assert await work.other_workers() == set()
        await intake.submit(job(1, Clip("x.gif", clip_host.url("x.gif"))))
        await clip_host.arrived.wait()
        assert await work.other_workers() == set()
        assert (await work.figures()).running == 1
        await execute(queue, "UPDATE {jobs} SET executor_id = 'another'")
        assert await work.other_workers() == {"another"}
        clip_host.let_go()
        await done("message-1")
        assert await work.other_workers() == set()


async def test_an_expired_link_is_asked_for_once_more(
    queue: JobQueue, app: App, clip_host: ClipHost
) -> None:
    recorder = Recorder()
    expired = Clip("a.gif", clip_host.url("montage.gif?expired"), message_id=1)
    recorder.fresh = replace(expired, location=clip_host.url("montage.gif"))
    async with queue.accepting() as intake, queue.working(app.answerer, recorder):
        await intake.submit(job(1, expired))
        await recorder.until(answers=1)
        recorder.fresh = expired
        await intake.submit(job(2, expired))
        await recorder.until(refusals=1)
    assert recorder.renewals == [("message-1", "a.gif"), ("message-2", "a.gif")]
    assert len(clip_host.asked) == 4


class Abandoned:
    """A queue on which somebody else's jobs are under way."""

    def __init__(self, *workers: str) -> None:
        self.workers = set(workers)
        self.taken_over: list[str] = []
        self.failures: list[Exception] = []
        self.looked = asyncio.Event()

    async def other_workers(self) -> set[str]:
        if self.failures:
            raise self.failures.pop()
        self.looked.set()
        return self.workers

    async def recover(self, worker_id: str) -> int:
        self.taken_over.append(worker_id)
        return 1


async def test_a_worker_is_gone_when_two_looks_in_a_row_find_its_name_free(
    database_url: str,
) -> None:
    abandoned = Abandoned("alive", "gone")
    async with locks.opened(database_url) as theirs, locks.opened(database_url) as ours:
        assert await theirs.take(worker_name("alive"))
        takeover = Recovery(abandoned, ours)
        await takeover.look()
        assert await theirs.take(worker_name("gone"))  # it was only cut off
        await takeover.look()
        await theirs.let_go(worker_name("gone"))
        await takeover.look()
        assert abandoned.taken_over == []
        await takeover.look()
        assert abandoned.taken_over == ["gone"]
        assert await theirs.take(worker_name("gone"))


async def test_looking_goes_on_after_looks_that_failed(sqlite_url: str) -> None:
    nobody = Abandoned()
    nobody.failures = [RuntimeError("a defect"), StorageUnavailable()]
    async with (
        locks.opened(sqlite_url) as ours,
        Recovery(nobody, ours, pause=0.01).watching(),
        asyncio.timeout(20),
    ):
        await nobody.looked.wait()
