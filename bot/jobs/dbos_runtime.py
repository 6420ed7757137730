"""The only file that knows DBOS Transact, the library the durable queue is built on.

Each job is one DBOS workflow: the workflow's id is the job's id, its steps are checkpointed in a
database beside ours, and the jobs of one owner (a server) form one partition of the queue. DBOS
offers no notification of new work, so each process polls the queue.

Some of what we need of DBOS is private. It is pinned to a minor version, and
``tests/jobs/test_dbos_contract.py`` fails if a new one changes what is relied on here.
"""

from __future__ import annotations

import asyncio
import json
import logging
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager, suppress
from contextvars import Context
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NoReturn, Self, TypeVar

import structlog
from dbos import DBOS, DBOSClient, DBOSPortableJSONSerializer, PortableWorkflowError, error
from dbos._serialization import DefaultSerializer
from sqlalchemy import Text, column, event, func, select, table
from sqlalchemy.exc import InterfaceError, OperationalError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from bot.domain.job import Job
from bot.jobs.claim_rules import NO_PERSON, RUNNING, WAITING, ClaimRules
from bot.storage.database import BUSY_TIMEOUT, StorageUnavailable
from bot.storage.engine import (
    DatabaseAddress,
    OverwritingConnection,
    create_engine,
    overwrite_deleted,
    prepare,
    set_secure_delete,
)

if TYPE_CHECKING:
    from collections.abc import (
        AsyncIterator,
        Awaitable,
        Callable,
        Collection,
        Coroutine,
        Iterator,
        Sequence,
    )
    from datetime import datetime

    from dbos import DBOSConfig, EnqueueOptions, StepOptions, WorkflowStatus
    from dbos._sys_db import SystemDatabase
    from sqlalchemy import ColumnElement, Row, Select
    from sqlalchemy.ext.asyncio import AsyncEngine

    from bot.domain.erasure import Channel, Guild, Person

    CarryOut = Callable[[Job, "JobRun"], Coroutine[Any, Any, None]]
    WasErased = Callable[[Job], Awaitable[bool]]

APPLICATION = "framehound"
QUEUE = "jobs"
WORKFLOW = "job"
# The shape of the workflow; jobs wait across releases as long as it stays the same.
WORKFLOW_VERSION = "1"
# Measured on SQLite and PostgreSQL: if it polls every 0.1 s, an idle process uses about 4 % of a
# core, and a job begins 60 to 70 ms after it was submitted. With 0.05 s it is 5 to 7 % and 35 ms,
# with 0.25 s 2 % and 140 ms.
POLL_SECONDS = 0.1
# How DBOS names the thread that takes jobs of our queue.
TAKER_THREAD = f"queue-worker-{QUEUE}"
POSTGRES_SCHEMA = "dbos"

# Seconds to wait at shutdown for a job being taken to begin; without the database it never does.
_BEGIN_SECONDS = 5.0
# Seconds that a job has to clean up after it was cancelled on shutdown.
_CANCEL_SECONDS = 5.0
# What the client raises if the database is unreachable.
_UNREACHABLE = (InterfaceError, OperationalError, PoolTimeout)
_DELETED_AT_ONCE = 500
_READ_AT_ONCE = 100

T = TypeVar("T")


class UnreadableRow(Exception):
    """A row of the queue's database was not written by this program, or not by this version."""


class RetriesExhausted(Exception):
    """A step failed as often as it may."""


def _refuse_pickle(_self: DefaultSerializer, _text: str) -> NoReturn:
    raise UnreadableRow(
        "the row holds a pickle from an older version; this version only reads JSON"
    )


# DBOS reads each row in the format the row itself names, whichever serializer it was given, and to
# read a pickle is to run what its author put there.
DefaultSerializer.deserialize = _refuse_pickle  # type: ignore[assignment, method-assign]


class JobClient:
    """Adds jobs to the queue's database and removes them, whether or not a worker runs here."""

    def __init__(self, client: DBOSClient) -> None:
        self._client = client

    @classmethod
    @asynccontextmanager
    async def open(cls, url: str) -> AsyncIterator[Self]:
        """Create the tables if they are missing, and connect."""
        _log_through_root()
        # Interaction tokens wait in the file: it is created before DBOS would, for its owner alone.
        await prepare(DatabaseAddress.parse(url), BUSY_TIMEOUT)
        await asyncio.to_thread(DBOS.migrate, url)
        client = await asyncio.to_thread(
            DBOSClient,
            system_database_url=url,
            application_name=APPLICATION,
            serializer=DBOSPortableJSONSerializer(),
            # DBOS would wait in a thread, which can't be cancelled when the bot stops.
            retry_connection_errors=False,
        )
        _overwrite_deleted_rows(client._sys_db)  # noqa: SLF001 - its engine has no public name
        try:
            yield cls(client)
        finally:
            await asyncio.to_thread(client.destroy)

    async def enqueue(self, job: Job) -> None:
        """Add a job; nothing happens if its id is known. Raises StorageUnavailable."""
        options: EnqueueOptions = {
            "workflow_name": WORKFLOW,
            "queue_name": QUEUE,
            "workflow_id": job.id,
            "queue_partition_key": job.owner,
            "app_version": WORKFLOW_VERSION,
            "authenticated_user": str(job.author_id or NO_PERSON),
        }
        with _outages():
            await self._client.enqueue_async(options, job.as_dict())

    async def delete(self, job_ids: Sequence[str]) -> None:
        """Remove jobs, whatever their state. Raises StorageUnavailable."""
        with _outages():
            for start in range(0, len(job_ids), _DELETED_AT_ONCE):
                await self._client.delete_workflows_async(
                    list(job_ids[start : start + _DELETED_AT_ONCE])
                )

    async def delete_finished(self, before: datetime) -> int:
        """Remove jobs that ended before a moment; return how many. Raises StorageUnavailable."""
        deleted = 0
        with _outages():
            while finished := await self._client.list_workflows_async(
                queue_name=QUEUE,
                completed_before=before.isoformat(),
                limit=_DELETED_AT_ONCE,
                load_input=False,
                load_output=False,
            ):
                await self._client.delete_workflows_async([job.workflow_id for job in finished])
                deleted += len(finished)
        return deleted


@dataclass(frozen=True, slots=True)
class QueueFigures:
    """How many jobs wait and how many run; ``age`` is the longest wait so far, in seconds."""

    waiting: int
    running: int
    age: float


class JobTable:
    """Reads DBOS' own table of workflows (https://docs.dbos.dev/explanations/system-tables)."""

    def __init__(self, engine: AsyncEngine, address: DatabaseAddress) -> None:
        self._engine = engine
        self._address = address
        schema = None if address.path else POSTGRES_SCHEMA
        names = (
            "workflow_uuid",
            "queue_name",
            "queue_partition_key",
            "status",
            "created_at",
            "authenticated_user",
        )
        self._jobs = table("workflow_status", *map(column, names), schema=schema)
        self._inputs = table(
            "workflow_input", column("workflow_uuid"), column("inputs", Text), schema=schema
        )
        self._ours = self._jobs.c.queue_name == QUEUE

    @classmethod
    @asynccontextmanager
    async def open(cls, url: str) -> AsyncIterator[Self]:
        """Open the queue's database; its tables must exist."""
        address = DatabaseAddress.parse(url)
        engine = await create_engine(address, BUSY_TIMEOUT)
        try:
            yield cls(engine, address)
        finally:
            await engine.dispose()

    async def count_waiting(self, owner: str, person: int | None, limit: int) -> int:
        """Count the waiting jobs of an owner, or of one person there, up to ``limit``."""
        columns = self._jobs.c
        waiting = [columns.status == WAITING, columns.queue_partition_key == owner]
        if person is not None:
            waiting.append(columns.authenticated_user == str(person))
        return len(
            await self._rows(select(columns.status).where(self._ours, *waiting).limit(limit))
        )

    async def contains(self, job_id: str) -> bool:
        """Return whether a job was ever accepted."""
        query = select(self._jobs.c.status).where(self._jobs.c.workflow_uuid == job_id)
        return bool(await self._rows(query))

    async def is_unfinished(self, job_id: str) -> bool:
        """Return whether a job waits or runs."""
        columns = self._jobs.c
        unfinished = columns.status.in_((WAITING, RUNNING))
        query = select(columns.status).where(columns.workflow_uuid == job_id, unfinished)
        return bool(await self._rows(query))

    async def not_running(self, job_ids: Collection[str]) -> list[str]:
        """Return the ids of those jobs that are known and not running."""
        ids = self._jobs.c.workflow_uuid
        found: list[str] = []
        wanted = sorted(job_ids)
        for start in range(0, len(wanted), _DELETED_AT_ONCE):
            some = ids.in_(wanted[start : start + _DELETED_AT_ONCE])
            query = select(ids).where(some, self._jobs.c.status != RUNNING)
            found += [row.workflow_uuid for row in await self._rows(query)]
        return found

    async def waiting(self, job_ids: Collection[str]) -> list[Job]:
        """Return those jobs that wait."""
        found: list[Job | None] = []
        wanted = sorted(job_ids)
        ids = self._jobs.c.workflow_uuid
        rows = self._jobs.join(self._inputs, self._inputs.c.workflow_uuid == ids)
        for start in range(0, len(wanted), _READ_AT_ONCE):
            some = ids.in_(wanted[start : start + _READ_AT_ONCE]), self._jobs.c.status == WAITING
            query = select(self._inputs.c.inputs).select_from(rows).where(*some)
            found += [_read_job(row.inputs) for row in await self._rows(query)]
        return [job for job in found if job]

    async def about(self, scope: Channel | Guild | Person) -> list[str]:
        """Return the ids of the jobs about a channel, a server or a person, whatever their state.

        Rows that have the number anywhere are read, and judged by what the number is there.
        """
        found: list[str] = []
        columns, last = self._inputs.c, ""
        query = (
            select(columns.workflow_uuid, columns.inputs)
            .where(columns.inputs.contains(str(scope.id)))
            .order_by(columns.workflow_uuid)
            .limit(_READ_AT_ONCE)
        )
        while rows := await self._rows(query.where(columns.workflow_uuid > last)):
            jobs = ((row.workflow_uuid, _read_job(row.inputs)) for row in rows)
            found += [job_id for job_id, job in jobs if job and job.is_about(scope)]
            last = rows[-1].workflow_uuid
        return found

    async def overwrite_deleted(self) -> None:
        """Make sure that what was deleted from a SQLite file can't be read from the disk."""
        await overwrite_deleted(self._address, BUSY_TIMEOUT)

    async def figures(self) -> QueueFigures:
        """Count the jobs that wait and those that run; raises StorageUnavailable."""
        columns = self._jobs.c
        counted = func.count().label("jobs"), func.min(columns.created_at).label("oldest")
        query = (
            select(columns.status, *counted)
            .where(self._ours, columns.status.in_((WAITING, RUNNING)))
            .group_by(columns.status)
        )
        found = {row.status: (row.jobs, row.oldest) for row in await self._rows(query)}
        waiting, oldest = found.get(WAITING, (0, None))
        age = 0.0 if oldest is None else max(0.0, time.time() - oldest / 1000)
        return QueueFigures(waiting, found.get(RUNNING, (0, None))[0], age)

    async def _rows(self, query: Select[Any]) -> Sequence[Row[Any]]:
        try:
            async with self._engine.connect() as connection:
                rows: Sequence[Row[Any]] = (await connection.execute(query)).all()
                return rows
        except SQLAlchemyError as failure:
            raise StorageUnavailable(detail=type(failure).__name__) from failure


@dataclass(frozen=True, slots=True)
class JobRun:
    """One attempt of this worker at a job; ``attempt`` counts from 1, over all workers."""

    job_id: str
    worker_id: str
    attempt: int
    created_at: float
    """When the job was accepted, in seconds since 1970."""

    async def step(self, name: str, action: Callable[[], Awaitable[T]]) -> T:
        """Do something once: its JSON result is stored, and returned by a later attempt.

        ``action`` takes no arguments because DBOS logs those of a step that is cancelled.
        """

        async def once() -> T:
            return await action()

        return await DBOS.run_step_async({"name": name}, once)

    async def retried_step(
        self,
        name: str,
        action: Callable[[bool], Awaitable[T]],
        *,
        attempts: int,
        first_pause: float,
    ) -> T:
        """Do something as ``step`` does; if it fails, again after pauses that double.

        ``action`` gets True if it was tried before. Raises RetriesExhausted.
        """

        async def once() -> T:
            status = DBOS.step_status
            return await action(bool(status and status.current_attempt))

        options: StepOptions = {
            "name": name,
            "retries_allowed": True,
            "interval_seconds": first_pause,
            "max_attempts": attempts,
        }
        try:
            return await DBOS.run_step_async(options, once)
        except error.DBOSMaxStepRetriesExceeded as failure:
            raise RetriesExhausted(str(failure)) from failure
        except PortableWorkflowError as failure:  # the same, recorded by an earlier attempt
            raise RetriesExhausted(failure.message) from failure

    async def is_current(self) -> bool:
        """Return whether no other worker has taken over the job since this attempt began."""
        status = await _status(self.job_id)
        return (
            status is not None
            and status.status == RUNNING
            and status.executor_id == self.worker_id
            and _attempt(status) == self.attempt
        )


class RunningJobs:
    """The jobs this process has taken from the queue, from the moment DBOS hands them over."""

    def __init__(self, worker_id: str, carry_out: CarryOut, was_erased: WasErased) -> None:
        self._worker_id = worker_id
        self._carry_out = carry_out
        self._was_erased = was_erased
        self._taken: set[str] = set()
        self._tasks: set[asyncio.Task[Any]] = set()
        self._deletions: set[asyncio.Task[None]] = set()
        self._begun = asyncio.Event()
        self._log = structlog.get_logger("framehound.job")

    def register(self) -> None:
        """Register the workflow that DBOS runs for each job."""

        @DBOS.workflow(name=WORKFLOW, validate_args=self._read)
        async def run(job: Job) -> None:
            self._begin(job)
            try:
                await self._carry_out(job, await self._run_of(job.id))
            except UnreadableRow as failure:
                self._log.error(
                    "job skipped: its stored row is unreadable", job=job.id, reason=str(failure)
                )

    async def all_begun(self, seconds: float) -> None:
        """Wait until every job taken from the queue has started."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while self._taken:
                    self._begun.clear()
                    await self._begun.wait()

    async def finish(self, seconds: float) -> None:
        """Wait until each job that runs has finished and its end is recorded."""
        for tasks in (self._tasks, self._deletions):
            if tasks:
                await asyncio.wait(tasks, timeout=seconds)

    async def cancel(self, seconds: float) -> None:
        """Cancel what still runs, and wait until it has cleaned up."""
        for task in self._tasks:
            task.cancel()
        await self.finish(seconds)

    def _read(
        self, args: tuple[Any, ...], _kwargs: dict[str, Any]
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Read a job's row; DBOS calls this in the thread that takes the job."""
        try:
            (saved,) = args
            job = Job.from_dict(saved)
        except (TypeError, ValueError, KeyError, AttributeError) as failure:
            raise UnreadableRow(f"the row doesn't hold a valid job: {failure!r}") from failure
        self._taken.add(job.id)
        return (job,), {}

    def _begin(self, job: Job) -> None:
        # This is DBOS' own task: it ends when the end of the job is recorded.
        task = asyncio.current_task()
        if task:
            self._tasks.add(task)
            task.add_done_callback(lambda task: self._end(task, job))
        self._taken.discard(job.id)
        self._begun.set()

    def _end(self, task: asyncio.Task[Any], job: Job) -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            deletion = asyncio.create_task(self._delete_if_erased(job))
            self._deletions.add(deletion)
            deletion.add_done_callback(self._deletions.discard)

    async def _delete_if_erased(self, job: Job) -> None:
        """Delete the row of a job that was erased while it ran, when it could not be deleted."""
        try:
            if await self._was_erased(job):
                with _outages():
                    await DBOS.delete_workflows_async([job.id])
        except StorageUnavailable as failure:
            self._log.warning("erased job not deleted yet", job=job.id, detail=failure.detail)

    async def _run_of(self, job_id: str) -> JobRun:
        status = await _status(job_id)
        created_at = status.created_at if status else None
        accepted = time.time() if created_at is None else created_at / 1000
        return JobRun(job_id, self._worker_id, _attempt(status), accepted)


@dataclass(frozen=True, slots=True)
class WorkerSettings:
    """How a worker takes jobs: how many at once, for all owners and for one; grace in seconds.

    ``rules`` bound further what is taken.
    """

    database_url: str
    worker_id: str
    at_once: int
    at_once_per_owner: int
    grace: float
    rules: ClaimRules


@asynccontextmanager
async def working(
    settings: WorkerSettings, carry_out: CarryOut, was_erased: WasErased
) -> AsyncIterator[None]:
    """Take jobs while the block runs, first those that an earlier process of this name left.

    ``was_erased`` is asked when a job has ended; if so, nothing is kept of it in the queue.
    """
    jobs = RunningJobs(settings.worker_id, carry_out, was_erased)
    dbos = DBOS(config=_config(settings))
    _log_through_root()
    jobs.register()
    DBOS.launch()
    _apply(settings.rules, dbos, settings.worker_id)
    try:
        await DBOS.register_queue_async(
            QUEUE,
            worker_concurrency=settings.at_once,
            partition_concurrency=settings.at_once_per_owner,
            polling_interval_sec=POLL_SECONDS,
            on_conflict="always_update",
        )
        yield
    finally:
        await _stop(dbos, jobs, settings.grace)


def _apply(rules: ClaimRules, dbos: DBOS, worker_id: str) -> None:
    """Add our conditions to the query with which DBOS takes jobs."""
    database = dbos._sys_db  # noqa: SLF001 - the only hook there is

    def gate(queue: str, owner: str | None) -> list[ColumnElement[bool]]:
        if queue != QUEUE or owner is None:
            return []
        return list(rules.conditions(database.tables.workflow_status, queue, owner, worker_id))

    database._claim_gate = gate  # type: ignore[method-assign, assignment]  # noqa: SLF001 - see above


async def _stop(dbos: DBOS, jobs: RunningJobs, grace: float) -> None:
    """Stop a worker: what runs may finish within ``grace`` seconds, the rest stays in the queue."""
    await asyncio.to_thread(_stop_taking, dbos)
    await jobs.all_begun(_BEGIN_SECONDS)
    await jobs.finish(grace)
    # DBOS made its own threads the loop's default, and ends them; those still at work need some.
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor())
    # Jobs are cancelled after DBOS is closed, so that how they end is not recorded: they stay in
    # the queue as running, and the next process of this name begins them again.
    await asyncio.to_thread(DBOS.destroy, destroy_registry=True)
    await jobs.cancel(_CANCEL_SECONDS)


def _stop_taking(dbos: DBOS) -> None:
    """Take no more jobs; one that is being taken is handed over before this returns."""
    for stop in dbos.background_thread_stop_events:
        stop.set()
    for thread in threading.enumerate():
        if thread.name == TAKER_THREAD:
            _join(thread)


def _join(thread: threading.Thread) -> None:
    """Wait for the end of a thread, also of one that is being started at this moment."""
    for _ in range(1000):
        with suppress(RuntimeError):  # it can't be joined until it runs
            thread.join(_BEGIN_SECONDS)
            return
        time.sleep(0.001)


async def other_workers(worker_id: str) -> set[str]:
    """Return the other workers that have jobs running; needs a worker in this process."""
    running = await DBOS.list_workflows_async(
        status=RUNNING, queue_name=QUEUE, load_input=False, load_output=False
    )
    return {job.executor_id for job in running if job.executor_id} - {worker_id}


async def recover(worker_id: str) -> int:
    """Put a worker's running jobs back in the queue; return how many. Needs a worker here.

    The public way, ``resume_workflow``, resets the count of attempts, and a job that kills every
    process would never be given up.
    """
    recover = DBOS._recover_pending_workflows  # noqa: SLF001 - see above
    return len(await asyncio.to_thread(recover, [worker_id]))


def _config(settings: WorkerSettings) -> DBOSConfig:
    config: DBOSConfig = {
        "name": APPLICATION,
        "system_database_url": settings.database_url,
        "executor_id": settings.worker_id,
        "application_version": WORKFLOW_VERSION,
        "serializer": DBOSPortableJSONSerializer(),
        # We send no notifications; but a worker that stops waits until this thread looks once more.
        "notification_listener_polling_interval_sec": POLL_SECONDS,
        "log_level": "WARNING",
    }
    if DatabaseAddress.parse(settings.database_url).path is not None:
        # An event listener as for the client would come too late: DBOS' threads connect already.
        config["db_engine_kwargs"] = {"connect_args": {"factory": OverwritingConnection}}
    return config


def _read_job(inputs: str) -> Job | None:
    """Read the stored arguments of a job; return None if they are not ours."""
    try:
        (saved,) = json.loads(inputs)["positionalArgs"]
        return Job.from_dict(saved)
    except (TypeError, ValueError, KeyError, AttributeError):
        return None


def _overwrite_deleted_rows(database: SystemDatabase) -> None:
    """Make SQLite overwrite what DBOS deletes; connections that are open already are replaced."""
    if database.engine.dialect.name == "sqlite":
        event.listen(database.engine, "connect", set_secure_delete)
        database.engine.dispose()


@contextmanager
def _outages() -> Iterator[None]:
    try:
        yield
    except _UNREACHABLE as failure:
        raise StorageUnavailable(detail=type(failure).__name__) from failure


def _attempt(status: WorkflowStatus | None) -> int:
    return (status.recovery_attempts if status else None) or 1


async def _status(job_id: str) -> WorkflowStatus | None:
    """Ask how a job stands now.

    Asked in an empty context: within the workflow's own, DBOS would store the first answer and
    repeat it.
    """
    asking = asyncio.create_task(DBOS.get_workflow_status_async(job_id), context=Context())
    return await asking


def _log_through_root() -> None:
    """Send DBOS' log lines the same way as all others."""
    logger = logging.getLogger("dbos")
    logger.handlers.clear()
    logger.propagate = True
