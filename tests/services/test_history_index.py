"""Index runs of several servers, and a queue that is never idle."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

from bot.domain.clip import Clip
from bot.domain.erasure import Person
from bot.domain.index_run import FoundMessage, HistoricJob
from bot.domain.job import Job, message_job_id
from bot.services import history_index
from bot.services.history_index import IndexRunner

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Collection

    import pytest

    from bot.domain.index_run import IndexRun
    from bot.jobs.queue import JobQueue
    from bot.runtime.app import App

CHANNEL, CLIPS = 7, (Clip("cat.mp4", "http://a/cat.mp4"),)
BUSY_GUILD, FIRST, SECOND = 100, 101, 102


class History:
    """Servers whose messages all have a clip."""

    async def messages(
        self, guild_id: int, channel_ids: Collection[int], after: int
    ) -> AsyncIterator[FoundMessage]:
        del guild_id, after
        for channel_id in channel_ids:
            yield FoundMessage(channel_id, 1, None, 1)

    async def job(self, guild_id: int, channel_id: int, message_id: int) -> HistoricJob | None:
        job_id = message_job_id(message_id)
        job = Job(job_id, channel_id, CLIPS, guild_id, message_id, quiet=True)
        return HistoricJob(job, frozenset())


class NoDisplay:
    """Shows nobody anything."""

    async def show(self, run: IndexRun) -> None:
        del run


async def test_neither_waiting_jobs_nor_a_slow_clip_stop_the_runs_of_other_servers(
    queue: JobQueue, app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No worker runs here: a job of another server always waits, and no clip is ever done."""
    monkeypatch.setattr(history_index, "_PATIENCE", 0.01, raising=False)
    monkeypatch.setattr(history_index, "_BUSY", 0.001)
    index = app.services.history
    for guild_id in (FIRST, SECOND):
        found = [FoundMessage(CHANNEL, 10 * guild_id, None, 1, 0, 1)]
        run = await index.runs.add(guild_id, None, found)
        await index.start(run.id)
    async with queue.accepting() as intake:
        await intake.submit(Job("message-1", CHANNEL, CLIPS, BUSY_GUILD, message_id=1))
        runner = IndexRunner(index, History(), intake, NoDisplay(), serves=lambda _guild_id: True)
        wanted = {message_job_id(10 * guild_id) for guild_id in (FIRST, SECOND)}
        async with runner.running():
            with suppress(TimeoutError):
                async with asyncio.timeout(5):
                    while not all([await intake.is_unfinished(job_id) for job_id in wanted]):  # noqa: ASYNC110 - the queue sets no event
                        await asyncio.sleep(0.01)
        assert [await intake.is_unfinished(job_id) for job_id in wanted] == [True, True]


async def test_the_messages_of_a_person_leave_a_run_when_the_person_is_erased(app: App) -> None:
    runs = app.services.history.runs
    found = [FoundMessage(CHANNEL, number, author, 1) for number, author in ((8, 52), (9, 51))]
    run = await runs.add(FIRST, None, found)
    await runs.start(run.id)
    await runs.erase(Person(51))
    assert await runs.next_message(run.id) == (CHANNEL, 8)
