"""Calling a vision model, in the richest form of request that its server accepts."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from typing import TYPE_CHECKING

import structlog

from bot.runtime.fair_slots import FairSlots
from bot.taggers.failures import CallFailed, Kind
from bot.taggers.http_call import send
from bot.taggers.vision.request import Change, RequestForm
from bot.taggers.vision.response import Truncated, read_answer
from bot.taggers.vision.status import Rejected, failure_of

if TYPE_CHECKING:
    import aiohttp

    from bot.runtime.metrics import Metrics
    from bot.taggers.retry import RetryPolicy
    from bot.taggers.vision.endpoint import VisionEndpoint
    from bot.taggers.vision.request import Question
    from bot.taggers.vision.response import Answer

_MAX_RESPONSE_BYTES = 1_000_000
_MAX_DETAIL_LENGTH = 1000
# Servers on a single graphics card answer one or a few requests at once and let others wait.
_CALLS_AT_ONCE = 4


@dataclass(slots=True)
class Bill:
    """The pictures of a clip for which the model sent an answer, usable or not."""

    pictures: int = 0


@dataclass(slots=True)
class VisionClient:
    """Asks a vision model about pictures.

    ``form`` is the form of request that the server accepted last, and ``proven`` the most pictures
    that the model described at once. Both are kept for the process. A request like those that
    succeeded is not simplified without a word from the server: then the pictures are to blame, and
    whoever posted them should not spoil the requests for others.
    """

    session: aiohttp.ClientSession
    endpoint: VisionEndpoint
    retry: RetryPolicy
    metrics: Metrics
    form: RequestForm = field(default_factory=RequestForm)
    proven: int = 0
    _slots: FairSlots = field(default_factory=lambda: FairSlots(_CALLS_AT_ONCE, per_owner=2))

    async def ask(self, question: Question, bill: Bill, owner: str = "") -> Answer:
        """Ask about as many of the first pictures as the server takes at once.

        Temporary failures are retried. Raises ``CallFailed``.
        """

        async def attempt() -> Answer:
            return await self._ask_in_some_form(question, bill)

        async with self._slots.held(owner):
            return await self.retry.retry(attempt)

    async def _ask_in_some_form(self, question: Question, bill: Bill) -> Answer:
        """Ask in the known form, or in simpler ones if the server does not accept it."""
        form = self.form
        while True:
            shown = replace(question, pictures=question.pictures[: form.pictures])
            try:
                answer = await self._call(shown, form, bill)
            except Rejected as rejection:
                form = self._simpler(form, rejection.change, rejection)
            except Truncated as problem:
                if len(shown.pictures) <= max(1, self.proven):
                    raise
                form = self._simpler(form, Change.FEWER_PICTURES, problem)
            else:
                self._keep(self._fitting(form, shown, answer), len(answer.concepts))
                return answer

    def _simpler(self, form: RequestForm, change: Change, problem: CallFailed) -> RequestForm:
        """Return a simpler form of request; raises ``CallFailed`` if there is none."""
        if self.proven and change is Change.UNKNOWN:
            raise CallFailed(Kind.INVALID, problem.detail) from problem
        simpler = form.simplified(change)
        if simpler is None:
            raise CallFailed(Kind.REQUEST, problem.detail) from problem
        return simpler

    def _fitting(self, form: RequestForm, shown: Question, answer: Answer) -> RequestForm:
        """Return a form with as many pictures as the model describes at once."""
        described = len(answer.concepts)
        if described < len(shown.pictures) and self.proven < len(shown.pictures):
            return replace(form, pictures=described)
        return form

    def _keep(self, form: RequestForm, pictures: int) -> None:
        self.proven = max(self.proven, pictures)
        if form != self.form:
            self.form = form
            structlog.get_logger("framehound.vision").info(
                "vision endpoint needs simpler requests",
                answers=form.answers,
                settings=form.settings,
                no_thinking=form.no_thinking,
                pictures=form.pictures,
            )

    async def _call(self, question: Question, form: RequestForm, bill: Bill) -> Answer:
        """Make one call; raises ``CallFailed`` without the key in its details."""
        retry_after, worked = None, False
        pictures = len(question.pictures)
        try:
            response = await send(
                self.session,
                "POST",
                self.endpoint.completions_url,
                data=await asyncio.to_thread(question.body, self.endpoint.model, form),
                headers=self.endpoint.headers,
                seconds=self.retry.request_timeout,
                max_bytes=_MAX_RESPONSE_BYTES,
            )
            retry_after = response.retry_after
            if response.status != HTTPStatus.OK:
                raise failure_of(response.status, response.content)
            worked = True
            answer = await asyncio.to_thread(read_answer, response.content, pictures)
        except CallFailed as failure:
            if worked and failure.kind is not Kind.GARBLED:
                self._bill(bill, pictures)
            self.metrics.vision_calls.labels(failure.kind.name.lower()).inc()
            raise self._without_key(failure, retry_after) from None
        self._bill(bill, pictures)
        self.metrics.vision_calls.labels("ok").inc()
        return answer

    def _bill(self, bill: Bill, pictures: int) -> None:
        bill.pictures += pictures
        self.metrics.frames_billed.inc(pictures)

    def _without_key(self, failure: CallFailed, retry_after: float | None) -> CallFailed:
        """Return a failure for the log: an error page may quote the request and so the key."""
        detail = self.endpoint.without_key(failure.detail)[:_MAX_DETAIL_LENGTH]
        match failure:
            case Truncated():
                return failure
            case Rejected():
                return Rejected(failure.change, detail)
            case _:
                return CallFailed(failure.kind, detail, retry_after)
