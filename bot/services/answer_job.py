"""Use case: what a job does. It tags every clip, then gives one answer.

Each of the two steps may be repeated without harm. This knows no queue and no Discord.
"""

from __future__ import annotations

import asyncio
from contextlib import nullcontext
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Protocol

import structlog

from bot.domain.budget import Payer
from bot.domain.job import RecordState
from bot.domain.outcome import Failed, Tagged
from bot.domain.tagging import TagRequest
from bot.errors import FramehoundError, JobAbandoned, LinkExpired, NotFound, OptedOut, TaggingErased
from bot.services.verdict import decide
from bot.storage.database import retry_storage

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence
    from contextlib import AbstractAsyncContextManager

    from bot.domain.alerts import Alert
    from bot.domain.clip import Clip
    from bot.domain.job import Job, Reply
    from bot.domain.outcome import Outcome
    from bot.domain.progress import Progress, ProgressListener
    from bot.domain.search import SameClip
    from bot.domain.settings import GuildSettings
    from bot.domain.tagging import Tagging
    from bot.render.report import Report
    from bot.services.alerts import AlertService
    from bot.services.clip_copies import ClipCopies
    from bot.services.job_records import JobRecords
    from bot.services.personal_alerts import PersonalAlerts
    from bot.services.reports import ReportBuilder
    from bot.services.tag_clip import ClipTagger
    from bot.services.verdict import Verdict
    from bot.storage.opt_outs import OptOutStore


@dataclass(frozen=True, slots=True)
class JobProgress:
    """How far each clip of a job has come, by the clip's number. Taggers write it."""

    steps: dict[int, Progress] = field(default_factory=dict)

    def listener(self, number: int) -> ProgressListener:
        """Return the listener for one clip."""
        return partial(self.steps.__setitem__, number)


class ShownProgress(Protocol):
    """A job's progress as people see it."""

    @property
    def reply(self) -> Reply | None:
        """The message that shows the progress, once there is one."""


@dataclass(frozen=True, slots=True)
class _NotShown:
    """The progress of a quiet job."""

    reply: Reply | None = None


class Responder(Protocol):
    """Where answers go. ``again`` means that an earlier attempt may have got there already."""

    def show_progress(
        self,
        job: Job,
        settings: GuildSettings,
        progress: JobProgress,
        *,
        on_reply: Callable[[Reply], Awaitable[None]],
        again: bool,
    ) -> AbstractAsyncContextManager[ShownProgress]:
        """Show people a job's progress while the block runs; report the message it is shown in."""

    async def answer(
        self,
        job: Job,
        report: Report,
        settings: GuildSettings,
        *,
        earlier: Reply | None,
        again: bool,
    ) -> Reply | None:
        """Give the job its one answer; the message ``earlier`` becomes it.

        Return where the answer is; None if it could not be given.
        """

    async def withdraw(self, earlier: Reply) -> None:
        """Delete a message that showed the progress of a job that gets no reply."""

    async def refuse(self, job: Job) -> None:
        """Mark the job's message with a reaction instead of a reply."""

    async def visible_link(self, channel_id: int, earlier: Sequence[SameClip]) -> str | None:
        """Return a link to the first message that everybody in a channel may read."""

    async def alert(self, alert: Alert, settings: GuildSettings) -> None:
        """Send an alert, unless an earlier attempt already did."""

    async def renew(self, job: Job, clip: Clip) -> Clip | None:
        """Return the clip with a fresh link; None if there is none."""

    async def game(self, job: Job, clip: Clip) -> str | None:
        """Return the game that a native clip was recorded in; None if it can't be learned."""


class Answerer:
    """The two steps of a job."""

    def __init__(
        self,
        clip_tagger: ClipTagger,
        reports: ReportBuilder,
        records: JobRecords,
        alerts: AlertService,
        opt_outs: OptOutStore,
        copies: ClipCopies,
        personal: PersonalAlerts,
    ) -> None:
        self._clip_tagger = clip_tagger
        self._reports = reports
        self._records = records
        self._alerts = alerts
        self._opt_outs = opt_outs
        self._copies = copies
        self._personal = personal
        self._log = structlog.get_logger("framehound.job")

    async def tag(self, job: Job, responder: Responder, *, again: bool) -> list[Outcome]:
        """Tag all clips of a job at once; a failed clip does not affect the others.

        If the job is erased meanwhile, nothing is kept. Then only a person who requested the job,
        and has seen no progress yet, is answered; a message that shows progress is withdrawn.
        """
        settings = await retry_storage(lambda: self._reports.settings(job.guild_id))
        state = await self._records.resume(job)
        if state is RecordState.ERASED:
            return self._erased(job)
        if await self._is_opted_out(job):
            return await self._leave_alone(job)
        progress = JobProgress()
        async with self._shown(job, settings, progress, responder, again=again) as shown:
            # One payer for all clips, which share the job's part of the budget.
            payer = Payer(job.owner, job.id, person=job.spender, newcomer=job.newcomer)
            tag = partial(self._tag_clip, job, responder, progress, payer, settings)
            outcomes = list(await asyncio.gather(*map(tag, range(len(job.clips)))))
        if await self._is_opted_out(job):  # since they were asked, which may be minutes ago
            await retry_storage(lambda: self._records.erase(job))
            state = RecordState.OPEN
        state = await self._records.save_outcomes(job, outcomes, shown.reply, state)
        if state is not RecordState.ERASED:
            return outcomes
        if shown.reply is None:
            return self._erased(job)
        await responder.withdraw(shown.reply)
        return []

    async def answer_erased(self, job: Job, responder: Responder) -> None:
        """Answer a request that was erased before it began: its clips are forgotten."""
        await self.answer(job, self._erased(job), responder, again=False)

    async def was_erased(self, job: Job) -> bool:
        """Return whether a job was recorded and then erased; raises ``StorageUnavailable``."""
        return job.record is not RecordState.NONE and not await self._records.exists(job)

    def _shown(
        self,
        job: Job,
        settings: GuildSettings,
        progress: JobProgress,
        responder: Responder,
        *,
        again: bool,
    ) -> AbstractAsyncContextManager[ShownProgress]:
        if job.quiet:
            return nullcontext(_NotShown())
        save = partial(self._records.save_progress, job)
        return responder.show_progress(job, settings, progress, on_reply=save, again=again)

    def abandon(self, job: Job) -> list[Outcome]:
        """Refuse all clips of a job during which the process died several times."""
        self._log.error("job abandoned")
        return [Failed(clip.name, JobAbandoned().record()) for clip in job.clips]

    async def answer(
        self, job: Job, outcomes: Sequence[Outcome], responder: Responder, *, again: bool
    ) -> str:
        """Decide what to do about a tagged job, and do it.

        Return ``answered``, or ``marked`` if nothing was said.
        """
        settings = await self._reports.settings(job.guild_id)
        verdict = await self._decide(job, outcomes, settings)
        await self._deliver(job, verdict, settings, responder, again=again)
        return verdict.outcome

    async def _decide(
        self, job: Job, outcomes: Sequence[Outcome], settings: GuildSettings
    ) -> Verdict:
        record = await self._records.find(job)
        was_recorded = job.record is not RecordState.NONE
        if record is None and was_recorded and any(isinstance(each, Tagged) for each in outcomes):
            outcomes = self._erased(job)
        clips = await self._reports.clips(outcomes, settings, age_restricted=job.age_restricted)
        alerts = [] if job.quiet else await self._alerts.alerts(job, clips, settings)
        personal = await self._personal.matches(job, clips)
        return decide(job, clips, settings, record=record, alerts=alerts, personal=personal)

    async def _deliver(
        self,
        job: Job,
        verdict: Verdict,
        settings: GuildSettings,
        responder: Responder,
        *,
        again: bool,
    ) -> None:
        reply = verdict.earlier
        if verdict.report:
            clips = await self._copies.with_links(
                verdict.report,
                settings,
                min(job.message_ids),
                partial(responder.visible_link, job.channel_id),
            )
            report = await self._reports.report(clips, settings)
            reply = await responder.answer(
                job, report, settings, earlier=verdict.earlier, again=again
            )
            state = await self._records.save_reply(job, reply) if reply else None
            if reply and verdict.recorded and state is RecordState.ERASED:
                # Erasure came before there was a reply that it could have deleted.
                await responder.withdraw(reply)
                return
        if verdict.withdraw:
            await responder.withdraw(verdict.withdraw)
        if verdict.mark:
            await responder.refuse(job)
        for alert in verdict.alerts:
            await responder.alert(alert.linking(reply), settings)
        if verdict.alerts:
            await retry_storage(lambda: self._alerts.save_alerted(job))
        if verdict.personal:
            await retry_storage(lambda: self._personal.save(job, verdict.personal, reply))

    def _erased(self, job: Job) -> list[Outcome]:
        """Return the outcomes of an erased job: only a person who requested it is answered."""
        self._log.info("job erased: its message was deleted, or somebody asked for it")
        if not job.requested:
            return []
        return [Failed(clip.name, TaggingErased().record()) for clip in job.clips]

    async def _is_opted_out(self, job: Job) -> bool:
        """Return whether a clip is from a person who opted out while the job waited.

        People may still ask about their own clips.
        """
        people = job.people - {job.author_id} if job.requested else job.people
        return bool(people and await retry_storage(lambda: self._opt_outs.among(people)))

    async def _leave_alone(self, job: Job) -> list[Outcome]:
        """Tag nothing and keep nothing; only a person who requested the job is answered."""
        await retry_storage(lambda: self._records.erase(job))
        if not job.requested:
            return []
        return [Failed(clip.name, OptedOut().record()) for clip in job.clips]

    async def _tag_clip(
        self,
        job: Job,
        responder: Responder,
        progress: JobProgress,
        payer: Payer,
        settings: GuildSettings,
        number: int,
    ) -> Outcome:
        clip = job.clips[number]
        request = TagRequest(
            clip,
            progress.listener(number),
            payer,
            settings.language,
            settings.senses,
            settings.models,
        )
        try:
            tagging = await self._tag_link(job, request, responder)
        except FramehoundError as error:
            self._log.info("clip refused", code=error.code, reason=str(error), detail=error.detail)
            return Failed(clip.name, error.record())
        except Exception:  # noqa: BLE001 - logged with its traceback, answered with a sentence
            self._log.exception("clip failed unexpectedly")
            return Failed(clip.name, FramehoundError().record())
        game = await responder.game(job, clip) if clip.native else None
        return Tagged(clip.name, tagging.info.fingerprint, clip.spoiler, game)

    async def _tag_link(self, job: Job, request: TagRequest, responder: Responder) -> Tagging:
        """Tag the clip; if its signed link has expired, get a new one and try again."""
        try:
            return await self._clip_tagger.tag_link(request)
        except (LinkExpired, NotFound):
            fresh = await responder.renew(job, request.clip)
            if fresh is None:
                raise
        return await self._clip_tagger.tag_link(request.with_clip(fresh))
