"""What ``bot.jobs.dbos_runtime`` relies on in DBOS beyond its documentation, one fact per test.

If one of these fails after an upgrade, its name says what changed.
"""

from __future__ import annotations

import asyncio
import threading
import tomllib
from contextlib import asynccontextmanager
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dbos
import pytest
from dbos import DBOS, DBOSPortableJSONSerializer, WorkflowStatusString, _dbos, _serialization
from packaging.requirements import Requirement

from bot.jobs import dbos_runtime
from bot.jobs.claim_rules import RUNNING, WAITING, ClaimRules
from bot.jobs.dbos_runtime import JobClient, JobTable, UnreadableRow, WorkerSettings
from bot.storage.engine import OverwritingConnection
from tests.jobs.recorder import execute, job, until_recorded

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from bot.domain.job import Job
    from bot.jobs.dbos_runtime import CarryOut, JobRun
    from bot.jobs.queue import JobQueue


ROOT = Path(__file__).parents[2]
JSON = DBOSPortableJSONSerializer()
PICKLE = "gASVAAAA"
on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.fixture
async def client(queue: JobQueue) -> AsyncIterator[JobClient]:
    async with JobClient.open(queue.database_url) as client:
        yield client


async def was_erased(_job: Job) -> bool:
    return False


@asynccontextmanager
async def working(queue: JobQueue, carry_out: CarryOut) -> AsyncIterator[None]:
    rules = ClaimRules(places=2, outside=2)
    settings = WorkerSettings(queue.database_url, "one", 2, 2, grace=0.5, rules=rules)
    async with dbos_runtime.working(settings, carry_out, was_erased):
        yield


def test_dbos_is_pinned_to_the_minor_version_that_is_installed() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    found = [Requirement(text) for text in project["dependencies"]]
    (pinned,) = [one.specifier for one in found if one.name == "dbos"]
    major, minor = map(int, version("dbos").split(".")[:2])
    assert pinned.contains(f"{major}.{minor}.99")
    assert not pinned.contains(f"{major}.{minor + 1}.0")


def test_the_one_method_that_reads_pickles_is_overridden() -> None:
    package = Path(dbos.__file__).parent
    text = "\n".join(path.read_text() for path in package.rglob("*.py"))
    assert text.count("pickle.loads") == 1
    assert text.count("pickle.load(") == text.count("Unpickler") == 0
    for read in (
        _serialization.deserialize_value,
        _serialization.deserialize_args,
        _serialization.deserialize_exception,
    ):
        with pytest.raises(UnreadableRow):
            read(PICKLE, "py_pickle", JSON)


def test_exhausted_retries_have_a_public_error_that_is_restored_as_a_portable_one() -> None:
    failure = dbos.error.DBOSMaxStepRetriesExceeded("answer", 3, [])
    stored, format_name = _serialization.serialize_exception(failure, None, JSON)
    restored = _serialization.deserialize_exception(stored, format_name, JSON)
    assert isinstance(restored, dbos.PortableWorkflowError)
    assert restored.message == str(failure)


def test_the_states_of_a_job_have_these_names() -> None:
    assert WorkflowStatusString.ENQUEUED.value == WAITING
    assert WorkflowStatusString.PENDING.value == RUNNING


async def test_the_tables_have_the_columns_that_are_read(
    queue: JobQueue, client: JobClient
) -> None:
    await client.enqueue(job(1, author_id=3))
    columns = "workflow_uuid, queue_name, queue_partition_key, status, authenticated_user"
    (row,) = await execute(queue, f"SELECT {columns}, created_at FROM {{jobs}}")  # noqa: S608 - ours
    assert row[:5] == ("message-1", dbos_runtime.QUEUE, "guild-5", WAITING, "3")
    assert 1.7e12 < row.created_at < 4e12  # milliseconds since 1970
    async with JobTable.open(queue.database_url) as jobs:
        assert await jobs.contains("message-1")


async def test_deleting_a_job_deletes_all_its_rows(queue: JobQueue, client: JobClient) -> None:
    async def carry_out(_job: Job, run: JobRun) -> None:
        await run.step("tag", lambda: _return(["secret"]))

    async with working(queue, carry_out):
        await client.enqueue(job(1))
        await until_recorded("message-1")
    await client.delete(["message-1"])
    for table in ("{jobs}", "{inputs}", "{outputs}", "{steps}"):
        assert await execute(queue, f"SELECT * FROM {table}") == []  # noqa: S608 - ours


@on_sqlite
@pytest.mark.usefixtures("client")
async def test_connections_of_a_worker_overwrite_deleted_rows(queue: JobQueue) -> None:
    async def carry_out(_job: Job, _run: JobRun) -> None: ...

    async with working(queue, carry_out):
        engine = _dbos._get_dbos_instance()._sys_db.engine
        with engine.connect() as connection:
            # Some builds of SQLite overwrite in any case, so look at the class, too.
            opened: Any = connection.connection.dbapi_connection
            assert isinstance(opened, OverwritingConnection)
            assert connection.exec_driver_sql("PRAGMA secure_delete").scalar() == 1


async def test_the_stop_events_end_the_thread_that_takes_jobs(
    queue: JobQueue, client: JobClient
) -> None:
    """That thread also reads the job's row before the job begins."""
    readers: list[str] = []
    read = dbos_runtime.RunningJobs._read

    def spy(*args: Any) -> Any:
        readers.append(threading.current_thread().name)
        return read(*args)

    async def carry_out(_job: Job, _run: JobRun) -> None:
        assert readers == [dbos_runtime.TAKER_THREAD]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(dbos_runtime.RunningJobs, "_read", spy)
        async with working(queue, carry_out):
            await client.enqueue(job(1))
            await until_recorded("message-1")
            takers = [t for t in threading.enumerate() if t.name == dbos_runtime.TAKER_THREAD]
            assert len(takers) == 1
            instance = dbos._dbos._get_dbos_instance()
            await asyncio.to_thread(dbos_runtime._stop_taking, instance)
            assert not takers[0].is_alive()
    assert readers == [dbos_runtime.TAKER_THREAD]


@on_sqlite
async def test_a_jobs_task_ends_after_its_end_is_recorded(
    queue: JobQueue, client: JobClient
) -> None:
    tasks: list[asyncio.Task[Any] | None] = []

    async def carry_out(_job: Job, _run: JobRun) -> None:
        tasks.append(asyncio.current_task())

    async with working(queue, carry_out):
        await client.enqueue(job(1))
        await until_recorded("message-1")
        (task,) = tasks
        assert task is not None
        await asyncio.wait([task])
        assert await states(queue) == ["SUCCESS"]
    assert task.exception() is None


@on_sqlite
async def test_a_job_cancelled_when_dbos_is_closed_stays_running(
    queue: JobQueue, client: JobClient
) -> None:
    begun = asyncio.Event()

    async def carry_out(_job: Job, _run: JobRun) -> None:
        begun.set()
        await asyncio.Event().wait()

    async with working(queue, carry_out):
        await client.enqueue(job(1))
        await begun.wait()
    assert await states(queue) == [RUNNING]


@on_sqlite
async def test_reading_the_status_of_a_job_is_not_a_step(
    queue: JobQueue, client: JobClient
) -> None:
    async def carry_out(_job: Job, run: JobRun) -> None:
        assert await run.is_current()
        await run.step("tag", lambda: _return(1))
        assert await run.is_current()

    async with working(queue, carry_out):
        await client.enqueue(job(1))
        await until_recorded("message-1")
    steps = await execute(queue, "SELECT function_name FROM {steps} ORDER BY function_id")
    assert [name for (name,) in steps] == ["tag"]
    assert await states(queue) == ["SUCCESS"]


@on_sqlite
async def test_recovery_counts_attempts_where_the_public_resume_forgets_them(
    queue: JobQueue, client: JobClient
) -> None:
    attempts: asyncio.Queue[int] = asyncio.Queue()

    async def carry_out(_job: Job, run: JobRun) -> None:
        attempts.put_nowait(run.attempt)
        await asyncio.Event().wait()

    async with working(queue, carry_out), asyncio.timeout(60):
        await client.enqueue(job(1))
        assert await attempts.get() == 1
        assert await dbos_runtime.recover("one") == 1
        assert await attempts.get() == 2
        await DBOS.resume_workflow_async("message-1")
        assert await attempts.get() == 1


async def states(queue: JobQueue) -> list[str]:
    return [state for (state,) in await execute(queue, "SELECT status FROM {jobs}")]


async def _return(value: Any) -> Any:
    return value
