"""The durable queue: every accepted job is carried out, also after a restart.

Built on DBOS Transact: a workflow a job, its steps checkpointed in a database of their own beside
ours, the workflow's id being the job's, and a server's jobs one partition of the queue.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from dbos import DBOS, DBOSClient, DBOSConfig
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from stamina import AsyncRetryingCaller

from bot.errors import TaggerBusy
from bot.jobs.job_counts import JobCounts, QueueFigures
from bot.jobs.waking import Bell
from bot.jobs.workflow import WORKFLOW, JobTimeouts, JobWorkflow
from bot.runtime.metrics import Metrics
from bot.storage.address import DatabaseAddress
from bot.storage.database import BUSY_TIMEOUT
from bot.storage.engine import prepare
from bot.storage.errors import StorageUnavailable

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterator
    from datetime import datetime

    from dbos import EnqueueOptions

    from bot.domain.job import Job
    from bot.services.answer_job import Answerer, Responder

    Note = Callable[[Job], Awaitable[bool]]

_APPLICATION = "framehound"
_QUEUE = "jobs"
# How DBOS names the thread that takes this queue's jobs.
_TAKER = f"queue-worker-{_QUEUE}"
# The workflow's shape; jobs wait across releases as long as it stays the same.
_WORKFLOW_VERSION = "1"
# What another process hands in waits half of this on average; 0.25 s costs about 2 % of a core when
# idle. What is handed in here is heard of at once.
_POLL_SECONDS = 0.25
# Seconds until DBOS has written down that a job ended, and its server's next one may begin.
_WRITTEN_SECONDS = 0.03
# Seconds a job that is just being taken has to begin when all stops: where the database is away it
# never does.
_TAKEN_SECONDS = 5.0
# Seconds a job that outlived its grace has to clear up.
_CALLED_OFF_SECONDS = 5.0
_AWAY = (InterfaceError, OperationalError, PoolTimeout)
_MAX_REMEMBERED = 10_000
_PURGED_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Share:
    """How many jobs at once in this process, at once for a server, and waiting for a server."""

    worker: int = 8
    server: int = 2
    waiting: int = 250


@dataclass(frozen=True, slots=True)
class JobQueue:
    """Takes jobs while ``accepting``, and carries them out while ``working``.

    Any number of processes may do either on one database, or both.
    """

    database_url: str = field(repr=False)
    worker_id: str
    share: Share = field(default_factory=Share)
    patience: JobTimeouts = field(default_factory=JobTimeouts)
    metrics: Metrics = field(default_factory=Metrics, repr=False)
    _bell: Bell = field(default_factory=lambda: Bell(_TAKER), repr=False)

    @asynccontextmanager
    async def accepting(self, note: Note | None = None) -> AsyncIterator[Intake]:
        """Take jobs, for whichever process works on them.

        Before a job waits ``note`` keeps what it is about, and returns whether it could.
        """
        _send_logs_up()
        # Interactions' tokens wait in there: the file is made before DBOS would, for us alone.
        await prepare(DatabaseAddress.parse(self.database_url), BUSY_TIMEOUT)
        await asyncio.to_thread(DBOS.migrate, self.database_url)
        client = await asyncio.to_thread(
            DBOSClient,
            system_database_url=self.database_url,
            application_name=_APPLICATION,
            # It would wait in a thread, which nobody can call off when the bot is to stop.
            retry_connection_errors=False,
        )
        try:
            async with JobCounts.open(self.database_url, _QUEUE) as counts:
                yield Intake(client, counts, self.share.waiting, self.metrics, self._bell, note)
        finally:
            await asyncio.to_thread(client.destroy)

    @asynccontextmanager
    async def working(self, answerer: Answerer, responder: Responder) -> AsyncIterator[Work]:
        """Carry out jobs, first those an earlier process of this name left behind."""
        dbos = DBOS(config=self._worker_config())
        _send_logs_up()
        workflow = JobWorkflow(
            answerer, responder, self.metrics, self.worker_id, self.patience, self._ring_soon
        )
        workflow.register()
        DBOS.launch()
        for stop in dbos.background_thread_stop_events:
            self._bell.hang(stop)
        try:
            await DBOS.register_queue_async(
                _QUEUE,
                worker_concurrency=self.share.worker,
                partition_concurrency=self.share.server,
                polling_interval_sec=_POLL_SECONDS,
                on_conflict="always_update",
            )
            async with JobCounts.open(self.database_url, _QUEUE) as counts:
                yield Work(self.worker_id, counts)
        finally:
            await asyncio.to_thread(_take_down, dbos, self.patience.grace)
            # DBOS had made its own threads the loop's, and has ended them.
            asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor())
            await _call_off(dbos)

    def _ring_soon(self) -> None:
        """Have the next job looked for once the one that ends now is written down."""
        asyncio.get_running_loop().call_later(_WRITTEN_SECONDS, self._bell.ring)

    def _worker_config(self) -> DBOSConfig:
        return {
            "name": _APPLICATION,
            "system_database_url": self.database_url,
            "executor_id": self.worker_id,
            "application_version": _WORKFLOW_VERSION,
            "log_level": "WARNING",
        }


class Intake:
    """Where jobs are handed in."""

    def __init__(
        self,
        client: DBOSClient,
        counts: JobCounts,
        max_waiting: int,
        metrics: Metrics,
        bell: Bell,
        note: Note | None,
    ) -> None:
        self._counts = counts
        self._client = client
        self._most_waiting = max_waiting
        self._room: dict[str, int] = {}
        self._counting = asyncio.Lock()
        self._metrics = metrics
        self._bell = bell
        self._note = note

    async def submit(self, job: Job) -> None:
        """Accept a job; one that was accepted before is not accepted twice.

        A database that is away for a while is waited for. Raises ``TaggerBusy`` where as many jobs
        of the job's server wait as may.
        """
        async with self._counting:
            full = await self._is_full(job)
        if full:
            self._metrics.finished("busy")
            raise TaggerBusy(detail=f"{self._most_waiting} jobs of {job.owner} wait already")
        options: EnqueueOptions = {
            "workflow_name": WORKFLOW,
            "queue_name": _QUEUE,
            "workflow_id": job.id,
            "queue_partition_key": job.owner,
            "app_version": _WORKFLOW_VERSION,
        }
        recorded = replace(job, recorded=self._note is not None and await self._note(job))
        caller = AsyncRetryingCaller(attempts=None, timeout=None, wait_initial=0.5, wait_max=15)
        await caller(_AWAY, self._client.enqueue_async, options, recorded.as_dict())
        self._bell.ring()

    async def figures(self) -> QueueFigures:
        """Count what waits and what runs; raises StorageUnavailable."""
        return await self._counts.figures()

    async def forget(self, job_ids: Collection[str]) -> None:
        """Remove jobs, those that still wait too; one under way ends as it may.

        Raises StorageUnavailable, as ``purge`` does.
        """
        wanted = sorted(job_ids)
        for start in range(0, len(wanted), _PURGED_AT_ONCE):
            known = await self._counts.at_rest(wanted[start : start + _PURGED_AT_ONCE])
            if known:
                with _outages():
                    await self._client.delete_workflows_async(known)

    async def purge(self, before: datetime) -> int:
        """Remove jobs finished before a moment; return how many."""
        removed = 0
        with _outages():
            while finished := await self._client.list_workflows_async(
                queue_name=_QUEUE,
                completed_before=before.isoformat(),
                limit=_PURGED_AT_ONCE,
                load_input=False,
                load_output=False,
            ):
                await self._client.delete_workflows_async([job.workflow_id for job in finished])
                removed += len(finished)
        return removed

    async def _is_full(self, job: Job) -> bool:
        """Tell whether too many jobs of its server wait; counted only where that may be so.

        A server's jobs come in through one gateway: as many as had room when they were counted
        last still have it.
        """
        room = self._room.pop(job.owner, 0)
        try:
            room = room or await self._count_room(job.owner)
            full = room <= 0 and not await self._counts.knows(job.id)
        except StorageUnavailable:
            return False  # who takes the job will wait for the database
        if len(self._room) >= _MAX_REMEMBERED:
            self._room.clear()
        self._room[job.owner] = max(0, room - 1)
        return full

    async def _count_room(self, owner: str) -> int:
        return self._most_waiting - await self._counts.waiting_for(owner, self._most_waiting)


class Work:
    """The jobs under way in all processes, while this one carries out some of them."""

    def __init__(self, worker_id: str, counts: JobCounts) -> None:
        self._worker_id = worker_id
        self._counts = counts

    async def figures(self) -> QueueFigures:
        """Count what waits and what runs; raises StorageUnavailable."""
        return await self._counts.figures()

    async def other_workers(self) -> set[str]:
        """Return who else has jobs under way."""
        running = await DBOS.list_workflows_async(
            status="PENDING", queue_name=_QUEUE, load_input=False, load_output=False
        )
        return {job.executor_id for job in running if job.executor_id} - {self._worker_id}

    async def recover(self, worker_id: str) -> int:
        """Put a worker's jobs back in the queue; return how many.

        The public way, ``resume_workflow``, forgets how often a job was begun, and a job that ends
        every process would never be given up.
        """
        recover = DBOS._recover_pending_workflows  # noqa: SLF001 - see above
        return len(await asyncio.to_thread(recover, [worker_id]))


@contextmanager
def _outages() -> Iterator[None]:
    """Turn what DBOS' client does on a bad day into StorageUnavailable."""
    try:
        yield
    except _AWAY as error:
        raise StorageUnavailable(detail=type(error).__name__) from error


def _take_down(dbos: DBOS, grace: int) -> None:
    """End DBOS; what is under way has ``grace`` seconds to finish."""
    for stop in dbos.background_thread_stop_events:
        stop.set()
    # Whose job is just being taken goes on to begin it: asked before, DBOS would know nothing of
    # it yet, and cut it off unanswered.
    for thread in threading.enumerate():
        if thread.name == _TAKER:
            thread.join(_TAKEN_SECONDS)
    # DBOS would sleep for a second before it looks whether there is anything to wait for.
    running = dbos._active_workflows_set.activeList()  # noqa: SLF001 - where it looks itself
    DBOS.destroy(destroy_registry=True, workflow_completion_timeout_sec=grace if running else 0)


async def _call_off(dbos: DBOS) -> None:
    """End what DBOS leaves to the loop; it would go on while all it works with is closed."""
    tasks = set(dbos._workflow_tasks)  # noqa: SLF001 - what outlived its grace is nowhere else
    for task in tasks:
        task.cancel()
    if tasks:
        await asyncio.wait(tasks, timeout=_CALLED_OFF_SECONDS)


def _send_logs_up() -> None:
    """Let DBOS' log lines take the same way as everybody's."""
    logger = logging.getLogger("dbos")
    logger.handlers.clear()
    logger.propagate = True
