from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from bot.client import FramehoundBot
from bot.jobs import Intake

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from bot.domain.job import Job


class NotedJobs(Intake):
    """Takes jobs and keeps them, for tests of what becomes a job."""

    def __init__(self) -> None:
        self.noted: list[Job] = []
        self.forgotten: set[str] = set()

    async def submit(self, job: Job) -> None:
        self.noted.append(job)

    async def forget(self, job_ids: Collection[str]) -> None:
        self.forgotten |= set(job_ids)


@pytest.fixture
def jobs() -> NotedJobs:
    return NotedJobs()


@pytest.fixture
async def simcord_bot(
    jobs: NotedJobs, make_config: Callable[..., Any], open_app: Callable[..., Any]
) -> FramehoundBot:
    return FramehoundBot(await open_app(make_config(shard_count=1)), jobs, message_content=True)
