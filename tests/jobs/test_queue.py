from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest
from dbos._dbos import _get_dbos_instance
from dbos._sys_db import SystemDatabase

from bot.domain.clip import Clip
from bot.domain.job import Interaction, Job
from bot.jobs.queue import Intake, JobQueue, Share
from bot.jobs.workflow import JobTimeouts
from bot.runtime import app as wiring
from bot.services.answer_job import ShownProgress

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from bot.config import DiscordConfig
    from bot.domain.alerts import Alert
    from bot.domain.settings import GuildSettings
    from bot.render.report import Report
    from bot.runtime.app import App
    from bot.storage.job_records import Reply
    from tests.conftest import ClipHost


class Recorder:
    """Keeps the answers it is given, and lets a test wait for them."""

    def __init__(self, *, again_allowed: bool = False) -> None:
        self._again_allowed = again_allowed
        self.answers: list[tuple[str, str]] = []
        self.refusals: list[str] = []
        self.renewals: list[tuple[str, str]] = []
        self.fresh: Clip | None = None
        self.alerts: list[Alert] = []
        self._changed = asyncio.Condition()

    @asynccontextmanager
    async def show_progress(
        self, job: Job, settings: GuildSettings, *, again: bool
    ) -> AsyncIterator[ShownProgress]:
        del job, settings, again
        yield ShownProgress()

    async def answer(
        self,
        job: Job,
        report: Report,
        settings: GuildSettings,
        *,
        earlier: Reply | None,
        again: bool,
    ) -> Reply | None:
        del settings, earlier
        assert self._again_allowed or not again
        self.answers.append((job.id, report.content))
        await self._tell()
        return None

    async def withdraw(self, earlier: Reply) -> None:
        raise AssertionError(f"nothing was shown, so {earlier} is not ours")

    async def renew(self, job: Job, clip: Clip) -> Clip | None:
        self.renewals.append((job.id, clip.name))
        return self.fresh

    async def alert(self, alert: Alert, settings: GuildSettings) -> None:
        del settings
        self.alerts.append(alert)

    async def refuse(self, job: Job) -> None:
        self.refusals.append(job.id)
        await self._tell()

    async def until(self, answers: int = 0, refusals: int = 0) -> None:
        async with asyncio.timeout(20), self._changed:
            await self._changed.wait_for(
                lambda: len(self.answers) >= answers and len(self.refusals) >= refusals
            )

    async def until_refused(self, job_id: str) -> None:
        async with asyncio.timeout(20), self._changed:
            await self._changed.wait_for(lambda: job_id in self.refusals)

    async def _tell(self) -> None:
        async with self._changed:
            self._changed.notify_all()


def job(number: int, *clips: Clip, **more: Any) -> Job:
    return Job(
        f"message-{number}", channel_id=7, guild_id=5, message_id=number, clips=clips, **more
    )


@asynccontextmanager
async def running(config: Any, app: Any) -> AsyncIterator[tuple[Intake, Recorder]]:
    queue, recorder = wiring.job_queue(config), Recorder()
    async with queue.accepting() as intake, queue.working(app.answerer, recorder):
        yield intake, recorder


@pytest.fixture
def config(make_config: Callable[..., DiscordConfig], database_url: str) -> DiscordConfig:
    return make_config(database_url=database_url)


@pytest.fixture
async def app(config: DiscordConfig, open_app: Callable[..., Any]) -> App:
    opened: App = await open_app(config)
    return opened


@pytest.fixture
def clip(clip_host: ClipHost) -> Clip:
    return Clip("montage.gif", clip_host.url("montage.gif"))


def test_a_job_survives_being_written_down() -> None:
    whole = job(
        1, Clip("a", "http://a/", size=3, spoiler=True), interaction=Interaction(1, "secret")
    )
    assert Job.from_dict(whole.as_dict()) == whole
    assert "secret" not in repr(whole)


async def test_a_job_is_answered_once_with_all_its_clips(
    clip_host: ClipHost, config: DiscordConfig, app: App
) -> None:
    clips = [Clip(name, clip_host.url(name)) for name in ("montage.gif", "city.mp4")]
    async with running(config, app) as (queue, recorder):
        await queue.submit(job(1, *clips))
        await queue.submit(job(1, *clips))
        await queue.submit(job(2, clips[0]))
        await recorder.until(answers=2)
    assert sorted(job_id for job_id, _ in recorder.answers) == ["message-1", "message-2"]
    content = dict(recorder.answers)["message-1"]
    assert content.startswith("**montage.gif** · 16 s · above 0.5\n`0:00–0:04` ")
    assert "**city.mp4** · 8 s" in content


async def test_what_was_only_noticed_is_refused_without_words(
    clip_host: ClipHost, make_config: Callable[..., Any], open_app: Callable[..., Any]
) -> None:
    config = make_config()
    app = await open_app(config)
    missing = Clip("x.gif", clip_host.url("x.gif"))
    good = Clip("montage.gif", clip_host.url("montage.gif"))
    async with running(config, app) as (queue, recorder):
        await queue.submit(job(1, missing))
        await queue.submit(job(2, missing, good))
        await recorder.until(answers=1, refusals=2)
    assert [job_id for job_id, _ in recorder.answers] == ["message-2"]
    assert "x.gif" not in recorder.answers[0][1]


async def test_who_asked_is_answered_in_words(
    clip_host: ClipHost, make_config: Callable[..., Any], open_app: Callable[..., Any]
) -> None:
    config = make_config()
    app = await open_app(config)
    async with running(config, app) as (queue, recorder):
        await queue.submit(job(1, Clip("x.gif", clip_host.url("x.gif")), asked=True))
        await recorder.until(answers=1)
    assert recorder.answers == [("message-1", "**x.gif** · There is no clip there.")]
    assert recorder.refusals == []


async def test_a_servers_threshold_applies_to_what_is_stored(
    clip_host: ClipHost, make_config: Callable[..., Any], open_app: Callable[..., Any]
) -> None:
    config = make_config()
    app = await open_app(config)
    clip = Clip("montage.gif", clip_host.url("montage.gif"))
    async with running(config, app) as (queue, recorder):
        await queue.submit(job(1, clip))
        await recorder.until(answers=1)
        await app.settings.set_threshold(5, str(app.clip_tagger.tagger.identity), 0.999)
        await queue.submit(job(2, clip))
        await recorder.until(answers=2)
    assert "Nothing above 0.999; the best was" in recorder.answers[1][1]


async def test_a_job_left_waiting_is_carried_out_after_a_restart(
    config: DiscordConfig, app: App, clip: Clip
) -> None:
    async with wiring.job_queue(config).accepting() as queue:
        await queue.submit(job(1, clip))
    async with running(config, app) as (_, recorder):
        await recorder.until(answers=1)
    assert [job_id for job_id, _ in recorder.answers] == ["message-1"]


async def test_what_a_job_is_about_is_noted_before_it_waits(
    config: DiscordConfig, app: App, clip: Clip
) -> None:
    async with wiring.job_queue(config).accepting(app.notes.begin) as queue:
        await queue.submit(job(1, clip))
        await queue.submit(job(2, clip))
        assert await app.reports.find("message-2")
        await app.reports.forget_messages([2])
    async with running(config, app) as (_, recorder):
        await recorder.until(answers=1)
    assert [job_id for job_id, _ in recorder.answers] == ["message-1"]


async def test_a_job_that_is_being_taken_as_all_stops_is_answered_first(
    config: DiscordConfig, app: App, clip: Clip, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken = asyncio.Event()
    loop = asyncio.get_running_loop()
    take = SystemDatabase.start_queued_workflows

    def dawdle(database: SystemDatabase, *args: Any, **more: Any) -> Any:
        jobs = take(database, *args, **more)
        if jobs[0]:
            loop.call_soon_threadsafe(taken.set)
            while not told.wait():
                pass  # a ring ended the nap
        return jobs

    monkeypatch.setattr(SystemDatabase, "start_queued_workflows", dawdle)
    async with running(config, app) as (queue, recorder):
        told = _get_dbos_instance().background_thread_stop_events[0]
        await queue.submit(job(1, clip))
        async with asyncio.timeout(20):
            await taken.wait()
    assert [job_id for job_id, _ in recorder.answers] == ["message-1"]


class Forgetful(Recorder):
    """Fails the first time it is to answer."""

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


async def test_an_answer_that_could_not_be_given_is_tried_again(
    clip_host: ClipHost,
    make_config: Callable[..., Any],
    open_app: Callable[..., Any],
    tmp_path: Path,
) -> None:
    app = await open_app(make_config())
    forgetful = Forgetful()
    queue = JobQueue(
        f"sqlite:///{tmp_path / 'jobs.sqlite'}",
        worker_id="one",
        share=Share(worker=1, server=1),
        patience=JobTimeouts(first_pause=0.01),
    )
    async with queue.accepting() as intake, queue.working(app.answerer, forgetful):
        await intake.submit(job(1, Clip("montage.gif", clip_host.url("montage.gif"))))
        await forgetful.until(answers=1)
    assert forgetful.attempts == [False, True]


async def test_a_job_handed_in_here_begins_at_once_and_the_next_as_it_ends(
    clip_host: ClipHost,
    make_config: Callable[..., Any],
    open_app: Callable[..., Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Look for jobs so seldom that no test could wait for it."""
    monkeypatch.setattr("bot.jobs.queue._POLL_SECONDS", 600)
    monkeypatch.setattr("bot.jobs.queue._WRITTEN_SECONDS", 1)
    app = await open_app(make_config())
    recorder = Recorder()
    database = f"sqlite:///{tmp_path / 'jobs.sqlite'}"
    queue = JobQueue(database, worker_id="one", share=Share(worker=1, server=1))
    async with queue.accepting() as intake, queue.working(app.answerer, recorder):
        for number in (1, 2):
            await intake.submit(job(number, Clip("no.mp4", clip_host.url("no.mp4")), asked=True))
        await recorder.until(answers=2)


def modes(folder: Path, pattern: str) -> dict[str, int]:
    return {path.name: path.stat().st_mode & 0o777 for path in folder.glob(pattern)}


async def test_what_waits_is_for_its_owners_eyes_alone(
    make_config: Callable[..., Any], data_dir: Path
) -> None:
    async with wiring.job_queue(make_config()).accepting() as intake:
        await intake.submit(job(1, interaction=Interaction(1, "secret")))
        files = modes(data_dir, "*jobs*")
    assert files == dict.fromkeys(
        [f"framehound-jobs.sqlite{suffix}" for suffix in ("", "-wal", "-shm")], 0o600
    )
