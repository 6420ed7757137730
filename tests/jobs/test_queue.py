"""Jobs from submission to their answer; on both databases."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from bot.domain.clip import Clip
from bot.domain.erasure import Messages
from bot.domain.job import Interaction, Job
from bot.errors import OptedOut
from bot.jobs.workflow import JobTimeouts
from bot.runtime import app as wiring
from bot.storage.database import StorageUnavailable
from tests.jobs.recorder import Recorder, execute, finished_jobs, job, until_recorded

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from bot.domain.job import Reply
    from bot.domain.settings import GuildSettings
    from bot.jobs.queue import JobQueue
    from bot.render.report import Report
    from bot.runtime.app import App
    from tests.conftest import ClipHost

on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


def test_a_job_round_trips_through_json() -> None:
    whole = job(
        1, Clip("a", "http://a/", size=3, spoiler=True), interaction=Interaction(1, "secret")
    )
    assert Job.from_dict(whole.as_dict()) == whole
    assert "secret" not in repr(whole)


async def test_a_job_is_answered_once_with_all_its_clips(
    clip_host: ClipHost, queue: JobQueue, app: App
) -> None:
    clips = [Clip(name, clip_host.url(name)) for name in ("montage.gif", "city.mp4")]
    recorder = Recorder()
    async with queue.accepting() as intake, queue.working(app.services.answerer, recorder):
        await intake.submit(job(1, *clips))
        await intake.submit(job(1, *clips))
        await intake.submit(job(2, clips[0]))
        await recorder.until(answers=2)
    assert sorted(job_id for job_id, _ in recorder.answers) == ["message-1", "message-2"]
    content = dict(recorder.answers)["message-1"]
    assert content.startswith("**montage.gif** · 16 s · tags above 0.5\n`0:00–0:04` ")
    assert "**city.mp4** · 8 s" in content


@on_sqlite
async def test_a_failed_post_gets_only_a_reaction(
    queue: JobQueue, app: App, clip: Clip, missing_clip: Clip
) -> None:
    recorder = Recorder()
    async with queue.accepting() as intake, queue.working(app.services.answerer, recorder):
        await intake.submit(job(1, missing_clip))
        await intake.submit(job(2, missing_clip, clip))
        await recorder.until(answers=1, refusals=2)
    assert [job_id for job_id, _ in recorder.answers] == ["message-2"]
    assert "x.gif" not in recorder.answers[0][1]


@on_sqlite
async def test_a_failed_request_is_answered_with_a_sentence(
    queue: JobQueue, app: App, missing_clip: Clip
) -> None:
    recorder = Recorder()
    async with queue.accepting() as intake, queue.working(app.services.answerer, recorder):
        await intake.submit(job(1, missing_clip, requested=True))
        await recorder.until(answers=1)
    assert recorder.answers == [
        ("message-1", "**x.gif** · I couldn't find this clip. It may have been moved or deleted.")
    ]
    assert recorder.refusals == []


@on_sqlite
async def test_a_servers_threshold_applies_to_stored_taggings(
    queue: JobQueue, app: App, clip_host: ClipHost
) -> None:
    clip = Clip("montage.gif", clip_host.url("montage.gif"))
    recorder = Recorder()
    async with queue.accepting() as intake, queue.working(app.services.answerer, recorder):
        await intake.submit(job(1, clip))
        await recorder.until(answers=1)
        await app.stores.settings.set_threshold(
            5, str(app.services.clip_tagger.tagger.identity), 0.999
        )
        await intake.submit(job(2, clip))
        await recorder.until(answers=2)
    assert "Nothing scored above 0.999. The best match was" in recorder.answers[1][1]


async def test_a_waiting_job_is_carried_out_after_a_restart(
    queue: JobQueue, app: App, clip: Clip
) -> None:
    async with queue.accepting() as intake:
        await intake.submit(job(1, clip))
    recorder = Recorder()
    async with queue.working(app.services.answerer, recorder):
        await recorder.until(answers=1)
    assert [job_id for job_id, _ in recorder.answers] == ["message-1"]


async def test_a_job_is_recorded_before_it_waits(queue: JobQueue, app: App, clip: Clip) -> None:
    async with queue.accepting(app.services.job_records.begin) as intake:
        await intake.submit(job(1, clip))
        await intake.submit(job(2, clip))
        assert await app.stores.job_records.find("message-2")
        await app.stores.job_records.erase(Messages(frozenset({2})))
    recorder = Recorder()
    async with queue.working(app.services.answerer, recorder):
        await recorder.until(answers=1)
    assert [job_id for job_id, _ in recorder.answers] == ["message-1"]


@on_sqlite
async def test_a_job_erased_while_it_runs_leaves_no_row(
    queue: JobQueue, app: App, clip: Clip
) -> None:
    class Erasing(Recorder):
        """Forgets the person while the job is answered."""

        async def answer(self, job: Job, *args: Any, **options: Any) -> Reply | None:
            await app.erasure(intake).person(8)
            assert len(await execute(queue, "SELECT * FROM {jobs} WHERE status = 'PENDING'")) == 1
            return await super().answer(job, *args, **options)

    recorder = Erasing()
    async with queue.accepting(app.services.job_records.begin) as intake:
        async with queue.working(app.services.answerer, recorder):
            await intake.submit(job(1, clip, author_id=8))
            await recorder.until(answers=1)
        for table in ("{jobs}", "{inputs}", "{outputs}", "{steps}"):
            assert await execute(queue, f"SELECT * FROM {table}") == []  # noqa: S608 - ours


@on_sqlite
async def test_a_person_who_opts_out_while_their_clip_waits_is_left_alone(
    queue: JobQueue, app: App, clip: Clip, clip_host: ClipHost
) -> None:
    recorder = Recorder()
    theirs = replace(clip, author_id=8, message_id=1)
    async with queue.accepting(app.services.job_records.begin) as intake:
        await intake.submit(job(1, theirs, author_id=8))
        await intake.submit(job(2, theirs, author_id=9, requested=True))
        await app.stores.opt_outs.add(8)
        async with queue.working(app.services.answerer, recorder):
            await recorder.until(answers=1)
        assert await execute(queue, "SELECT * FROM {jobs}") == []
    assert [text for _job, text in recorder.answers] == [
        f"**short.gif** · {OptedOut.sentence}",
    ]
    assert clip_host.asked == recorder.refusals == []
    assert await app.stores.job_records.count(8) == 0


class FailingOnce(Recorder):
    """Fails to answer the first time."""

    def __init__(self) -> None:
        super().__init__()
        self.attempts: list[bool] = []

    async def answer(
        self,
        job: Job,
        report: Report,
        settings: GuildSettings,
        *,
        earlier: Reply | None,
        again: bool,
    ) -> Reply | None:
        self.attempts.append(again)
        if len(self.attempts) == 1:
            raise OSError("no connection")
        return await super().answer(job, report, settings, earlier=earlier, again=False)


@on_sqlite
async def test_a_failed_answer_is_retried(queue: JobQueue, app: App, clip: Clip) -> None:
    recorder = FailingOnce()
    queue = replace(queue, timeouts=JobTimeouts(first_pause=0.01))
    async with queue.accepting() as intake, queue.working(app.services.answerer, recorder):
        await intake.submit(job(1, clip))
        await recorder.until(answers=1)
    assert recorder.attempts == [False, True]


@on_sqlite
async def test_the_answering_step_is_repeated_after_a_database_outage(
    queue: JobQueue, app: App, clip: Clip, monkeypatch: pytest.MonkeyPatch
) -> None:
    outages = iter([StorageUnavailable()])
    find = app.stores.job_records.find

    async def fail_once(job_id: str) -> Any:
        for outage in outages:
            raise outage
        return await find(job_id)

    monkeypatch.setattr(app.stores.job_records, "find", fail_once)
    recorder = Recorder(again_allowed=True)
    queue = replace(queue, timeouts=JobTimeouts(first_pause=0.01))
    async with queue.accepting() as intake, queue.working(app.services.answerer, recorder):
        await intake.submit(job(1, clip))
        await recorder.until(answers=1)
    assert recorder.again == [True]


class AlwaysFailing(Recorder):
    """Always fails to refuse."""

    async def refuse(self, job: Job) -> None:
        self.refusals.append(job.id)
        raise OSError("no connection")


async def test_a_job_that_cannot_be_answered_ends_and_is_counted(
    queue: JobQueue, app: App, missing_clip: Clip
) -> None:
    recorder = AlwaysFailing()
    queue = replace(queue, timeouts=JobTimeouts(first_pause=0.001))
    async with (
        queue.accepting() as intake,
        queue.working(app.services.answerer, recorder) as worker,
    ):
        await intake.submit(job(1, missing_clip))
        await until_recorded("message-1")
        assert len(recorder.refusals) == 10
        assert finished_jobs(queue, "unanswered") == 1
        # The process died before the end of the job was recorded, but the failure is recorded.
        await execute(queue, "UPDATE {jobs} SET status = 'PENDING'")
        assert await worker.recover(queue.worker_id) == 1
        await until_recorded("message-1")
    assert len(recorder.refusals) == 10
    assert finished_jobs(queue, "unanswered") == 2


async def test_a_job_too_old_is_dropped_and_counted(
    queue: JobQueue, app: App, missing_clip: Clip
) -> None:
    recorder = Recorder()
    queue = replace(queue, timeouts=JobTimeouts(max_age=1800))
    async with queue.accepting() as intake:
        await intake.submit(job(1, missing_clip))
        await execute(queue, "UPDATE {jobs} SET created_at = created_at - 1801000")
        await intake.submit(job(2, missing_clip))
        async with queue.working(app.services.answerer, recorder):
            await until_recorded("message-1")
            await until_recorded("message-2")
    assert recorder.refusals == ["message-2"]
    assert finished_jobs(queue, "dropped") == finished_jobs(queue, "marked") == 1


async def test_an_expired_link_is_renewed_once(
    queue: JobQueue, app: App, clip_host: ClipHost
) -> None:
    recorder = Recorder()
    expired = Clip("a.gif", clip_host.url("montage.gif?expired"), message_id=1)
    recorder.fresh = replace(expired, location=clip_host.url("montage.gif"))
    async with queue.accepting() as intake, queue.working(app.services.answerer, recorder):
        await intake.submit(job(1, expired))
        await recorder.until(answers=1)
        recorder.fresh = expired
        await intake.submit(job(2, expired))
        await recorder.until(refusals=1)
    assert recorder.renewals == [("message-1", "a.gif"), ("message-2", "a.gif")]
    assert len(clip_host.asked) == 4


def modes(folder: Path, pattern: str) -> dict[str, int]:
    return {path.name: path.stat().st_mode & 0o777 for path in folder.glob(pattern)}


async def test_only_the_owner_can_read_the_queue_file(
    make_config: Callable[..., Any], data_dir: Path
) -> None:
    config = make_config(data_dir=data_dir / "new")
    async with wiring.job_queue(config).accepting() as intake:
        await intake.submit(job(1, interaction=Interaction(1, "secret")))
        found = modes(config.data_dir, "*jobs*")
    assert found == dict.fromkeys(
        [f"framehound-jobs.sqlite{suffix}" for suffix in ("", "-wal", "-shm")], 0o600
    )
