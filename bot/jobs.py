"""The durable queue: every accepted job is carried out, also after a restart.

Built on DBOS Transact: a workflow a job, its steps checkpointed in a database of their own beside
ours, the workflow's id being the job's, and a server's jobs one partition of the queue.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from dbos import DBOS, DBOSConfig, SetEnqueueOptions, SetWorkflowID
from structlog.contextvars import bound_contextvars

from bot.domain.job import Job

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from bot.answering import Answerer, Outcome, Responder

_QUEUE = "jobs"
# The workflow's shape; jobs wait across releases as long as it stays the same.
_WORKFLOW_VERSION = "1"
# A job waits half of this on average; 0.25 s costs about 2 % of a core when idle.
_POLL_SECONDS = 0.25
# Jobs that run when the bot is stopped may finish; the others wait for the next start.
_GRACE_SECONDS = 20


class JobQueue:
    """Takes jobs and, while running, carries them out."""

    def __init__(
        self,
        database_url: str,
        *,
        worker_id: str,
        worker_concurrency: int,
        server_concurrency: int,
    ) -> None:
        self._config: DBOSConfig = {
            "name": "framehound",
            "system_database_url": database_url,
            "executor_id": worker_id,
            "application_version": _WORKFLOW_VERSION,
            "log_level": "WARNING",
        }
        self._worker_concurrency = max(worker_concurrency, server_concurrency)
        self._server_concurrency = server_concurrency
        self._workflow: Callable[[dict[str, Any]], Awaitable[None]] | None = None

    @asynccontextmanager
    async def running(self, answerer: Answerer, responder: Responder) -> AsyncIterator[None]:
        """Carry out jobs, first those an earlier process left behind."""
        DBOS(config=self._config)
        _send_logs_up()
        self._workflow = _register(answerer, responder)
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
            self._workflow = None
            await asyncio.to_thread(
                DBOS.destroy, destroy_registry=True, workflow_completion_timeout_sec=_GRACE_SECONDS
            )

    @property
    def is_running(self) -> bool:
        """Whether jobs are taken."""
        return self._workflow is not None

    async def submit(self, job: Job) -> None:
        """Accept a job; one that was accepted before is not accepted twice."""
        if self._workflow is None:
            raise RuntimeError("the queue is not running")
        with SetWorkflowID(job.id), SetEnqueueOptions(queue_partition_key=job.owner):
            await DBOS.enqueue_workflow_async(_QUEUE, self._workflow, job.as_dict())  # type: ignore[arg-type]  # DBOS.workflow types its coroutine functions as Callable


def _register(
    answerer: Answerer, responder: Responder
) -> Callable[[dict[str, Any]], Awaitable[None]]:
    """Tell DBOS what a job is; its two steps are remembered once they are done."""

    async def tag(saved: dict[str, Any]) -> list[Outcome]:
        return await answerer.tag(Job.from_dict(saved))

    async def answer(saved: dict[str, Any], outcomes: list[Outcome]) -> None:
        await answerer.answer(Job.from_dict(saved), outcomes, responder)

    @DBOS.workflow(name="job")
    async def job(saved: dict[str, Any]) -> None:
        with bound_contextvars(job=saved["id"]):
            outcomes = await DBOS.run_step_async({"name": "tag"}, tag, saved)
            await DBOS.run_step_async({"name": "answer"}, answer, saved, outcomes)

    return job


def _send_logs_up() -> None:
    """Let DBOS' log lines take the same way as everybody's."""
    logger = logging.getLogger("dbos")
    logger.handlers.clear()
    logger.propagate = True
