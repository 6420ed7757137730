"""The durable queue: every accepted job is carried out, also after a restart."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from stamina import AsyncRetryingCaller

from bot.domain.job import RecordState
from bot.errors import TaggerBusy
from bot.jobs import dbos_runtime
from bot.jobs.claim_rules import NO_PERSON, ClaimRules
from bot.jobs.dbos_runtime import JobClient, JobTable, QueueFigures, WorkerSettings
from bot.jobs.workflow import JobTimeouts, JobWorkflow
from bot.runtime.metrics import Metrics
from bot.storage.database import StorageUnavailable

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Collection
    from datetime import datetime

    from bot.domain.erasure import Channel, Guild, Person
    from bot.domain.job import Job
    from bot.services.answer_job import Answerer, Responder

    BeginRecord = Callable[[Job], Awaitable[RecordState]]

_MAX_REMEMBERED = 10_000


@dataclass(frozen=True, slots=True)
class JobLimits:
    """How many jobs run at once in this process and for one server, and wait for one server.

    The people of a server share its places, and one person has half of those for waiting; webhooks
    and bots count as one person. All people who use the bot outside of servers have a quarter of
    the process' places together.
    """

    worker: int = 8
    server: int = 2
    waiting: int = 250

    @property
    def waiting_per_person(self) -> int:
        """How many jobs of one person may wait."""
        return max(1, self.waiting // 2)

    @property
    def rules(self) -> ClaimRules:
        """The bounds on what a worker takes from the queue."""
        return ClaimRules(places=self.server, outside=max(1, self.worker // 4))


@dataclass(frozen=True, slots=True)
class JobQueue:
    """Accepts jobs while ``accepting``, and carries them out while ``working``.

    Any number of processes may do either on one database, or both.
    """

    database_url: str = field(repr=False)
    worker_id: str
    limits: JobLimits = field(default_factory=JobLimits)
    timeouts: JobTimeouts = field(default_factory=JobTimeouts)
    metrics: Metrics = field(default_factory=Metrics, repr=False)

    @asynccontextmanager
    async def accepting(self, begin_record: BeginRecord | None = None) -> AsyncIterator[Intake]:
        """Accept jobs, for whichever process carries them out.

        ``begin_record`` stores what a job is about before it is queued, and returns whether it
        could.
        """
        async with (
            JobClient.open(self.database_url) as client,
            JobTable.open(self.database_url) as jobs,
        ):
            yield Intake(client, jobs, self.limits, self.metrics, begin_record)

    @asynccontextmanager
    async def working(self, answerer: Answerer, responder: Responder) -> AsyncIterator[Worker]:
        """Carry out jobs, first those an earlier process of this name left behind."""
        workflow = JobWorkflow(answerer, responder, self.metrics, self.timeouts)
        settings = WorkerSettings(
            self.database_url,
            self.worker_id,
            at_once=self.limits.worker,
            at_once_per_owner=self.limits.server,
            grace=self.timeouts.grace,
            rules=self.limits.rules,
        )
        async with (
            dbos_runtime.working(settings, workflow.carry_out, workflow.was_erased),
            JobTable.open(self.database_url) as jobs,
        ):
            yield Worker(self.worker_id, jobs)


class Intake:
    """Where jobs are handed in."""

    def __init__(
        self,
        client: JobClient,
        jobs: JobTable,
        limits: JobLimits,
        metrics: Metrics,
        begin_record: BeginRecord | None,
    ) -> None:
        self._client = client
        self._jobs = jobs
        self._limits = limits
        self._room: dict[tuple[str, int | None], int] = {}
        self._counting = asyncio.Lock()
        self._metrics = metrics
        self._begin_record = begin_record

    async def submit(self, job: Job) -> None:
        """Accept a job; one that was accepted before is not accepted twice.

        Retries while the database is unreachable: Discord tells of a message only once. Raises
        ``TaggerBusy`` if as many jobs of the job's server, or of its author there, wait as may.
        """
        if await self._is_known(job):  # an edit; its record may be erased, and stays so
            return
        async with self._counting:
            full = await self._is_full(job)
        if full:
            self._metrics.finished("busy")
            raise TaggerBusy(detail=f"too many jobs of {job.owner} are waiting")
        record = await self._begin_record(job) if self._begin_record else RecordState.NONE
        caller = AsyncRetryingCaller(attempts=None, timeout=None, wait_initial=0.5, wait_max=15)
        await caller(StorageUnavailable, self._client.enqueue, replace(job, record=record))

    async def figures(self) -> QueueFigures:
        """Count the jobs that wait and those that run; raises StorageUnavailable."""
        return await self._jobs.figures()

    async def about(self, scope: Channel | Guild | Person) -> list[str]:
        """Return the IDs of the jobs about a channel, a server or a person, whatever their state.

        Raises StorageUnavailable.
        """
        return await self._jobs.about(scope)

    async def is_idle(self) -> bool:
        """Return whether no job waits; raises StorageUnavailable."""
        return (await self._jobs.figures()).waiting == 0

    async def is_unfinished(self, job_id: str) -> bool:
        """Return whether a job waits or runs; raises StorageUnavailable."""
        return await self._jobs.is_unfinished(job_id)

    async def forget(self, job_ids: Collection[str]) -> list[Job]:
        """Remove jobs unless they run just now, and return those that waited.

        Raises StorageUnavailable.
        """
        removed = await self._jobs.not_running(job_ids)
        if not removed:  # as for most deleted messages
            return []
        waiting = await self._jobs.waiting(removed)
        await self._client.delete(removed)
        return waiting

    async def purge(self, before: datetime) -> int:
        """Remove jobs that ended before a moment; return how many. Raises StorageUnavailable."""
        return await self._client.delete_finished(before)

    async def overwrite_deleted(self) -> None:
        """Make sure that what was removed from a SQLite file can't be read from the disk."""
        await self._jobs.overwrite_deleted()

    async def _is_known(self, job: Job) -> bool:
        """Return whether a job was accepted before."""
        try:
            return await self._jobs.contains(job.id)
        except StorageUnavailable:
            return False

    async def _is_full(self, job: Job) -> bool:
        """Return whether too many jobs of a server, or of one person there, wait."""
        try:
            has_room = await self._has_room(job.owner, job.author_id or NO_PERSON)
            return not (has_room and await self._has_room(job.owner))
        except StorageUnavailable:
            return False  # the job is accepted once the database is back

    async def _has_room(self, owner: str, person: int | None = None) -> bool:
        """Return whether another job may wait, counting only if there may be no room.

        All jobs of a server come in through one gateway, so the room found by the last count is
        still there, less what was accepted since.
        """
        room = self._room.pop((owner, person), 0) or await self._count_room(owner, person)
        if len(self._room) >= _MAX_REMEMBERED:
            self._room.clear()
        self._room[owner, person] = max(0, room - 1)
        return room > 0

    async def _count_room(self, owner: str, person: int | None) -> int:
        most = self._limits.waiting if person is None else self._limits.waiting_per_person
        return most - await self._jobs.count_waiting(owner, person, most)


class Worker:
    """This process as one of the workers on the queue."""

    def __init__(self, worker_id: str, jobs: JobTable) -> None:
        self._worker_id = worker_id
        self._jobs = jobs

    async def figures(self) -> QueueFigures:
        """Count the jobs that wait and those that run; raises StorageUnavailable."""
        return await self._jobs.figures()

    async def other_workers(self) -> set[str]:
        """Return the ids of the other workers that have jobs running."""
        return await dbos_runtime.other_workers(self._worker_id)

    async def recover(self, worker_id: str) -> int:
        """Put a worker's running jobs back in the queue; return how many."""
        return await dbos_runtime.recover(worker_id)
