"""The durable workflow of one job: two steps, remembered once they are done."""

from __future__ import annotations

import asyncio
import time
from contextvars import Context
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import structlog
from dbos import DBOS
from dbos._error import DBOSMaxStepRetriesExceeded  # DBOS has no public name for it
from structlog.contextvars import bound_contextvars

from bot.domain.job import Job

if TYPE_CHECKING:
    from collections.abc import Callable

    from dbos import StepOptions, WorkflowStatus

    from bot.runtime.metrics import Metrics
    from bot.services.answer_job import Answerer, Responder
    from bot.services.reports import Outcome

WORKFLOW = "job"
# A job that ends the process this often is answered with an excuse instead.
_MAX_ATTEMPTS = 3
# From five seconds, doubling: 10 attempts outlast forty minutes without Discord.
_ANSWER_ATTEMPTS = 10


@dataclass(frozen=True, slots=True)
class JobTimeouts:
    """How long things may take, in seconds.

    ``first_pause`` passes before an answer that could not be given is tried again, then twice that
    and so on; a job older than ``max_age`` when its turn comes is dropped; what runs when the bot
    is stopped has ``grace`` to finish.
    """

    first_pause: float = 5.0
    max_age: float | None = None
    grace: int = 20


class JobWorkflow:
    """Carries out jobs; ``worker_id`` is who does, ``ended`` is called as each of them ends."""

    def __init__(
        self,
        answerer: Answerer,
        responder: Responder,
        metrics: Metrics,
        worker_id: str,
        patience: JobTimeouts,
        ended: Callable[[], None],
    ) -> None:
        self._answerer = answerer
        self._responder = responder
        self._metrics = metrics
        self._worker_id = worker_id
        self._patience = patience
        self._ended = ended
        self._log = structlog.get_logger("framehound.job")

    def register(self) -> None:
        """Tell DBOS what a job is."""

        @DBOS.workflow(name=WORKFLOW)
        async def job(saved: dict[str, Any]) -> None:
            try:
                with bound_contextvars(job=saved["id"]):
                    await self._carry_out(saved)
            finally:
                self._ended()

    async def _carry_out(self, saved: dict[str, Any]) -> None:
        status = await _status(saved["id"])
        attempt = _attempt(status)
        if self._is_too_old(status):
            self._log.warning("job dropped: it is older than MAX_JOB_AGE_MINUTES")
            self._metrics.finished("dropped")
            return

        # Closures, not arguments: DBOS logs those of a step it cuts off, and tokens are among them.
        async def tag() -> list[Outcome]:
            return await self._tag(saved, attempt)

        async def answer() -> None:
            await self._answer(saved, outcomes, attempt)

        outcomes = await DBOS.run_step_async({"name": "tag"}, tag)
        again: StepOptions = {
            "name": "answer",
            "retries_allowed": True,
            "interval_seconds": self._patience.first_pause,
            "max_attempts": _ANSWER_ATTEMPTS,
        }
        try:
            await DBOS.run_step_async(again, answer)
        except DBOSMaxStepRetriesExceeded as error:
            self._log.error("job not answered: every attempt failed", reason=str(error))
            self._metrics.finished("unanswered")

    async def _tag(self, saved: dict[str, Any], attempt: int) -> list[Outcome]:
        job = Job.from_dict(saved)
        if attempt > _MAX_ATTEMPTS:
            self._metrics.finished("given_up")
            return self._answerer.give_up(job)
        return await self._answerer.tag(job, self._responder, again=attempt > 1)

    async def _answer(self, saved: dict[str, Any], outcomes: list[Outcome], attempt: int) -> None:
        job = Job.from_dict(saved)
        if not await self._is_ours(job.id, attempt):
            # Whoever took the job over answers; DBOS lets this attempt end without a trace.
            self._log.warning("job left to the worker that took it over")
            self._metrics.finished("handed_over")
            return
        step = DBOS.step_status
        again = attempt > 1 or bool(step and step.current_attempt)
        with self._metrics.stage("answer"):
            given = await self._answerer.answer(job, outcomes, self._responder, again=again)
        self._metrics.finished(given)

    def _is_too_old(self, status: WorkflowStatus | None) -> bool:
        most = self._patience.max_age
        if most is None or status is None or status.created_at is None:
            return False
        return time.time() - status.created_at / 1000 > most

    async def _is_ours(self, job_id: str, attempt: int) -> bool:
        """Tell whether this attempt still is the one that counts.

        A worker that was cut off and taken for dead may come back to life in the middle of a job.
        """
        status = await _status(job_id)
        return (
            status is not None
            and status.status == "PENDING"
            and status.executor_id == self._worker_id
            and _attempt(status) == attempt
        )


def _attempt(status: WorkflowStatus | None) -> int:
    """Return which attempt at a job this is, from 1."""
    return (status.recovery_attempts if status else None) or 1


async def _status(job_id: str) -> WorkflowStatus | None:
    """Ask how a job stands now.

    Asked in an empty context: within the workflow's own, DBOS would remember the first answer.
    """
    asking = asyncio.create_task(DBOS.get_workflow_status_async(job_id), context=Context())
    return await asking
