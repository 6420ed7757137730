"""A responder that records its answers, and jobs for tests."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from dbos import DBOS
from sqlalchemy import text

from bot.domain.job import Job
from bot.storage.engine import DatabaseAddress, create_engine

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

    from dbos import WorkflowHandleAsync

    from bot.domain.alerts import Alert
    from bot.domain.clip import Clip
    from bot.domain.job import Reply
    from bot.domain.search import SameClip
    from bot.domain.settings import GuildSettings
    from bot.jobs.queue import JobQueue
    from bot.render.report import Report
    from bot.services.answer_job import JobProgress, ShownProgress


class NothingShown:
    """Progress of a job that is not displayed."""

    reply: Reply | None = None


class Recorder:
    """Records answers, refusals, alerts and renewed links; a test can wait for them."""

    def __init__(self, *, again_allowed: bool = False) -> None:
        self._again_allowed = again_allowed
        self.answers: list[tuple[str, str]] = []
        self.again: list[bool] = []
        self.refusals: list[str] = []
        self.renewals: list[tuple[str, str]] = []
        self.fresh: Clip | None = None
        self.alerts: list[Alert] = []
        self._changed = asyncio.Condition()

    @asynccontextmanager
    async def show_progress(
        self,
        job: Job,
        settings: GuildSettings,
        progress: JobProgress,
        *,
        on_reply: Callable[[Reply], Awaitable[None]],
        again: bool,
    ) -> AsyncIterator[ShownProgress]:
        del job, settings, progress, on_reply, again
        yield NothingShown()

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
        self.again.append(again)
        await self._notify()
        return None

    async def withdraw(self, earlier: Reply) -> None:
        raise AssertionError(f"nothing was shown, so {earlier} is not a progress message")

    async def renew(self, job: Job, clip: Clip) -> Clip | None:
        self.renewals.append((job.id, clip.name))
        return self.fresh

    async def game(self, job: Job, clip: Clip) -> str | None:
        del job
        return f"The game of {clip.name}"

    async def visible_link(self, channel_id: int, earlier: Sequence[SameClip]) -> str | None:
        del channel_id
        return earlier[0].link

    async def alert(self, alert: Alert, settings: GuildSettings) -> None:
        del settings
        self.alerts.append(alert)

    async def refuse(self, job: Job) -> None:
        self.refusals.append(job.id)
        await self._notify()

    async def until(self, answers: int = 0, refusals: int = 0) -> None:
        async with asyncio.timeout(60), self._changed:
            await self._changed.wait_for(
                lambda: len(self.answers) >= answers and len(self.refusals) >= refusals
            )

    async def until_refused(self, job_id: str) -> None:
        async with asyncio.timeout(60), self._changed:
            await self._changed.wait_for(lambda: job_id in self.refusals)

    async def _notify(self) -> None:
        async with self._changed:
            self._changed.notify_all()


def job(number: int, *clips: Clip, **more: Any) -> Job:
    return Job(
        f"message-{number}", channel_id=7, guild_id=5, message_id=number, clips=clips, **more
    )


async def execute(queue: JobQueue, statement: str, **values: object) -> list[Any]:
    """Run a statement on the queue's database and return its rows, if it has any.

    ``{jobs}``, ``{inputs}``, ``{outputs}`` and ``{steps}`` stand for DBOS' tables.
    """
    address = DatabaseAddress.parse(queue.database_url)
    engine = await create_engine(address, 8)
    prefix = "" if address.path else "dbos."
    names = {
        "jobs": f"{prefix}workflow_status",
        "inputs": f"{prefix}workflow_input",
        "outputs": f"{prefix}workflow_output",
        "steps": f"{prefix}operation_outputs",
    }
    async with engine.begin() as connection:
        done = await connection.execute(text(statement.format(**names)), values)
        rows = list(done.all()) if done.returns_rows else []
    await engine.dispose()
    return rows


def finished_jobs(queue: JobQueue, outcome: str) -> float:
    """Return the number of jobs counted under an outcome."""
    name = "framehound_jobs_finished_total"
    return queue.metrics.registry.get_sample_value(name, {"outcome": outcome}) or 0


async def until_recorded(job_id: str) -> None:
    """Wait until the end of a job is recorded; needs a worker in this process."""
    handle: WorkflowHandleAsync[None] = await DBOS.retrieve_workflow_async(job_id)
    await handle.get_result(polling_interval_sec=0.05)
