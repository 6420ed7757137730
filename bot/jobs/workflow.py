"""The two durable steps of a job: tag its clips, then give its answer."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import structlog
from structlog.contextvars import bound_contextvars

from bot.domain.outcome import outcome_from_json, outcome_to_json
from bot.jobs.dbos_runtime import RetriesExhausted

if TYPE_CHECKING:
    from bot.domain.job import Job
    from bot.domain.outcome import Outcome
    from bot.jobs.dbos_runtime import JobRun
    from bot.runtime.metrics import Metrics
    from bot.services.answer_job import Answerer, Responder

# A job during which the process died this often is abandoned, and its answer says so.
_MAX_ATTEMPTS = 3
# From five seconds, doubling: 10 attempts outlast forty minutes without Discord.
_ANSWER_ATTEMPTS = 10


@dataclass(frozen=True, slots=True)
class JobTimeouts:
    """Times in seconds.

    Attributes:
        first_pause: from the first failed attempt to answer to the second; later pauses double
        max_age: a job that was accepted longer ago is dropped
        grace: how long a job may go on after the worker was asked to stop
    """

    first_pause: float = 5.0
    max_age: float | None = None
    grace: float = 20.0


class JobWorkflow:
    """Carries out jobs."""

    def __init__(
        self, answerer: Answerer, responder: Responder, metrics: Metrics, timeouts: JobTimeouts
    ) -> None:
        self._answerer = answerer
        self._responder = responder
        self._metrics = metrics
        self._timeouts = timeouts
        self._log = structlog.get_logger("framehound.job")

    async def carry_out(self, job: Job, run: JobRun) -> None:
        """Tag and answer a job; each step is done once, also if the process dies in between."""
        with bound_contextvars(job=job.id):
            if self._is_too_old(run):
                self._log.warning("job dropped: older than MAX_JOB_AGE_MINUTES")
                self._metrics.finished("dropped")
                return
            saved = await run.step("tag", lambda: self._tag(job, run))
            outcomes = [outcome_from_json(each) for each in saved]
            try:
                await run.retried_step(
                    "answer",
                    lambda again: self._answer(job, outcomes, run, again=again),
                    attempts=_ANSWER_ATTEMPTS,
                    first_pause=self._timeouts.first_pause,
                )
            except RetriesExhausted as error:
                self._log.error("reply abandoned: every attempt failed", reason=str(error))
                self._metrics.finished("unanswered")

    async def was_erased(self, job: Job) -> bool:
        """Return whether a job was erased while it ran; raises ``StorageUnavailable``."""
        return await self._answerer.was_erased(job)

    async def _tag(self, job: Job, run: JobRun) -> list[dict[str, Any]]:
        return [outcome_to_json(each) for each in await self._outcomes(job, run)]

    async def _outcomes(self, job: Job, run: JobRun) -> list[Outcome]:
        if run.attempt > _MAX_ATTEMPTS:
            self._metrics.finished("abandoned")
            return self._answerer.abandon(job)
        return await self._answerer.tag(job, self._responder, again=run.attempt > 1)

    async def _answer(self, job: Job, outcomes: list[Outcome], run: JobRun, *, again: bool) -> None:
        # A worker that was cut off and taken for dead may come back in the middle of a job.
        if not await run.is_current():
            self._log.warning("job skipped: another worker has recovered it")
            self._metrics.finished("handed_over")
            return
        with self._metrics.stage("answer"):
            given = await self._answerer.answer(
                job, outcomes, self._responder, again=again or run.attempt > 1
            )
        self._metrics.finished(given)

    def _is_too_old(self, run: JobRun) -> bool:
        max_age = self._timeouts.max_age
        return max_age is not None and time.time() - run.created_at > max_age
