"""The durable queue: every accepted job is carried out, also after a restart.

Built on DBOS Transact: a workflow a job, its steps checkpointed in a database of their own beside
ours, the workflow's id being the job's, and a server's jobs one partition of the queue.
"""

from __future__ import annotations

import asyncio
import logging
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from contextvars import Context
from typing import TYPE_CHECKING, Any

from dbos import DBOS, DBOSClient, DBOSConfig
from structlog.contextvars import bound_contextvars

from bot.domain.job import Job

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from dbos import EnqueueOptions, StepOptions

    from bot.answering import Answerer, Outcome, Responder

_APPLICATION = "framehound"
_QUEUE = "jobs"
_WORKFLOW = "job"
# The workflow's shape; jobs wait across releases as long as it stays the same.
_WORKFLOW_VERSION = "1"
# A job waits half of this on average; 0.25 s costs about 2 % of a core when idle.
_POLL_SECONDS = 0.25
# Jobs that run when the bot is stopped may finish; the others wait for the next start.
_GRACE_SECONDS = 20
# A job that ends the process this often is answered with an excuse instead.
_MOST_ATTEMPTS = 3


class JobQueue:
    """Takes jobs while ``accepting``, and carries them out while ``working``.

    Any number of processes may do either on one database, or both. ``first_pause`` is how many
    seconds pass before an answer that could not be given is tried again, then twice that.
    """

    def __init__(
        self,
        database_url: str,
        *,
        worker_id: str,
        worker_concurrency: int,
        server_concurrency: int,
        first_pause: float = 5.0,
    ) -> None:
        self._first_pause = first_pause
        self._url = database_url
        self._worker_id = worker_id
        self._worker_concurrency = max(worker_concurrency, server_concurrency)
        self._server_concurrency = server_concurrency
        self._client: DBOSClient | None = None

    @asynccontextmanager
    async def accepting(self) -> AsyncIterator[None]:
        """Take jobs, for whichever process works on them."""
        _send_logs_up()
        await asyncio.to_thread(DBOS.migrate, self._url)
        self._client = await asyncio.to_thread(
            DBOSClient, system_database_url=self._url, application_name=_APPLICATION
        )
        try:
            yield
        finally:
            client, self._client = self._client, None
            await asyncio.to_thread(client.destroy)

    @asynccontextmanager
    async def working(self, answerer: Answerer, responder: Responder) -> AsyncIterator[None]:
        """Carry out jobs, first those an earlier process of this name left behind."""
        DBOS(config=self._worker_config())
        _send_logs_up()
        _register(answerer, responder, self._first_pause)
        DBOS.launch()
        try:
            await DBOS.register_queue_async(
                _QUEUE,
                worker_concurrency=self._worker_concurrency,
                partition_concurrency=self._server_concurrency,
                polling_interval_sec=_POLL_SECONDS,
                on_conflict="always_update",
            )
            yield
        finally:
            await asyncio.to_thread(
                DBOS.destroy, destroy_registry=True, workflow_completion_timeout_sec=_GRACE_SECONDS
            )
            # DBOS had made its own threads the loop's, and has ended them.
            asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor())

    @property
    def is_accepting(self) -> bool:
        """Whether jobs are taken."""
        return self._client is not None

    async def submit(self, job: Job) -> None:
        """Accept a job; one that was accepted before is not accepted twice."""
        if self._client is None:
            raise RuntimeError("the queue takes no jobs")
        options: EnqueueOptions = {
            "workflow_name": _WORKFLOW,
            "queue_name": _QUEUE,
            "workflow_id": job.id,
            "queue_partition_key": job.owner,
            "app_version": _WORKFLOW_VERSION,
        }
        await self._client.enqueue_async(options, job.as_dict())

    def _worker_config(self) -> DBOSConfig:
        return {
            "name": _APPLICATION,
            "system_database_url": self._url,
            "executor_id": self._worker_id,
            "application_version": _WORKFLOW_VERSION,
            "log_level": "WARNING",
        }


def _register(answerer: Answerer, responder: Responder, first_pause: float) -> None:
    """Tell DBOS what a job is; its two steps are remembered once they are done."""

    async def tag(saved: dict[str, Any], attempt: int) -> list[Outcome]:
        job = Job.from_dict(saved)
        return answerer.give_up(job) if attempt > _MOST_ATTEMPTS else await answerer.tag(job)

    async def answer(saved: dict[str, Any], outcomes: list[Outcome], attempt: int) -> None:
        step = DBOS.step_status
        again = attempt > 1 or bool(step and step.current_attempt)
        await answerer.answer(Job.from_dict(saved), outcomes, responder, again=again)

    # Eight attempts outlast ten minutes without Discord.
    patiently: StepOptions = {
        "name": "answer",
        "retries_allowed": True,
        "interval_seconds": first_pause,
        "max_attempts": 8,
    }

    @DBOS.workflow(name=_WORKFLOW)
    async def job(saved: dict[str, Any]) -> None:
        with bound_contextvars(job=saved["id"]):
            attempt = await _attempt(saved["id"])
            outcomes = await DBOS.run_step_async({"name": "tag"}, tag, saved, attempt)
            await DBOS.run_step_async(patiently, answer, saved, outcomes, attempt)


async def _attempt(job_id: str) -> int:
    """Return which attempt at a job this is, from 1.

    Asked in an empty context: within the workflow's own, DBOS would remember the first answer.
    """
    asking = asyncio.create_task(DBOS.get_workflow_status_async(job_id), context=Context())
    status = await asking
    return (status.recovery_attempts if status else None) or 1


def _send_logs_up() -> None:
    """Let DBOS' log lines take the same way as everybody's."""
    logger = logging.getLogger("dbos")
    logger.handlers.clear()
    logger.propagate = True
