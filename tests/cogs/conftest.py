from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from bot.chat.client import FramehoundBot
from bot.jobs.queue import Intake

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from bot.domain.erasure import Channel, Guild, Person
    from bot.domain.job import Job


class RecordedJobs(Intake):
    """Records submitted jobs, each ID once."""

    def __init__(self) -> None:
        self.recorded: list[Job] = []
        self.forgotten: set[str] = set()
        self.news: asyncio.Queue[Job] = asyncio.Queue()

    async def submit(self, job: Job) -> None:
        if job.id not in {recorded.id for recorded in self.recorded}:
            self.recorded.append(job)
            self.news.put_nowait(job)

    async def about(self, scope: Channel | Guild | Person) -> list[str]:
        return [job.id for job in self.recorded if job.is_about(scope)]

    async def overwrite_deleted(self) -> None:
        """Nothing is on the disk."""

    async def forget(self, job_ids: Collection[str]) -> list[Job]:
        self.forgotten |= set(job_ids)
        return [job for job in self.recorded if job.id in job_ids]


@pytest.fixture
def jobs() -> RecordedJobs:
    return RecordedJobs()


@pytest.fixture
async def simcord_bot(
    jobs: RecordedJobs, make_config: Callable[..., Any], open_app: Callable[..., Any]
) -> FramehoundBot:
    return FramehoundBot(await open_app(make_config(shard_count=1)), jobs, message_content=True)
