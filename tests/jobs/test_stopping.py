"""A worker that stops: jobs it has taken may finish, and others are cancelled cleanly."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from dbos._sys_db import SystemDatabase

from bot.domain.job import Interaction
from bot.jobs import dbos_runtime
from bot.jobs.workflow import JobTimeouts
from tests.jobs.recorder import Recorder, job

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from bot.domain.clip import Clip
    from bot.jobs.queue import JobQueue
    from bot.runtime.app import App
    from bot.services.answer_job import ShownProgress
    from tests.conftest import ClipHost


async def test_a_worker_that_stops_answers_the_job_it_is_taking(
    queue: JobQueue, app: App, clip: Clip, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken, stopping = asyncio.Event(), threading.Event()
    loop = asyncio.get_running_loop()
    take, stop_taking = SystemDatabase.start_queued_workflows, dbos_runtime._stop_taking

    def take_slowly(database: SystemDatabase, *args: Any, **more: Any) -> Any:
        jobs = take(database, *args, **more)
        if jobs[0]:
            loop.call_soon_threadsafe(taken.set)
            stopping.wait(20)
        return jobs

    def tell_and_stop(dbos: Any) -> None:
        loop.call_soon_threadsafe(stopping.set)
        stop_taking(dbos)

    monkeypatch.setattr(SystemDatabase, "start_queued_workflows", take_slowly)
    monkeypatch.setattr(dbos_runtime, "_stop_taking", tell_and_stop)
    recorder = Recorder()
    async with queue.accepting() as intake, queue.working(app.services.answerer, recorder):
        await intake.submit(job(1, clip))
        async with asyncio.timeout(60):
            await taken.wait()
    assert [job_id for job_id, _ in recorder.answers] == ["message-1"]


async def test_a_cancelled_job_is_logged_without_its_token(
    queue: JobQueue,
    app: App,
    clip_host: ClipHost,
    missing_clip: Clip,
    caplog: pytest.LogCaptureFixture,
) -> None:
    queue = replace(queue, timeouts=JobTimeouts(grace=0.5))
    clip_host.hold_all()
    async with queue.accepting() as intake:
        async with queue.working(app.services.answerer, Recorder()):
            await intake.submit(job(1, missing_clip, interaction=Interaction(1, "s3cr3t")))
            await clip_host.arrived.wait()
        assert (await intake.figures()).running == 1
    assert "cancelled" in caplog.text
    assert "s3cr3t" not in caplog.text


class ProgressCounter(Recorder):
    """Counts the jobs whose progress is shown."""

    shown = 0

    @asynccontextmanager
    async def show_progress(self, *args: Any, **options: Any) -> AsyncIterator[ShownProgress]:
        self.shown += 1
        async with super().show_progress(*args, **options) as shown:
            try:
                yield shown
            finally:
                await asyncio.to_thread(list)  # cleaning up uses threads, as downloads do
                self.shown -= 1


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_a_cancelled_job_has_cleaned_up_before_the_app_closes(
    queue: JobQueue, app: App, clip_host: ClipHost, missing_clip: Clip
) -> None:
    recorder = ProgressCounter()
    queue = replace(queue, timeouts=JobTimeouts(grace=0.5))
    clip_host.hold_all()
    async with queue.accepting() as intake:
        async with queue.working(app.services.answerer, recorder):
            await intake.submit(job(1, missing_clip))
            await clip_host.arrived.wait()
            assert recorder.shown == 1
        assert recorder.shown == 0
        assert (await intake.figures()).running == 1


def test_a_thread_that_is_being_started_is_waited_for() -> None:
    ended: list[bool] = []
    thread = threading.Thread(target=ended.append, args=[True])
    with ThreadPoolExecutor(1) as pool:
        joined = pool.submit(dbos_runtime._join, thread)
        thread.start()
        joined.result(60)
    assert ended
    assert not thread.is_alive()
