"""What one job does: tag every clip, then give one answer. Knows no queue and no Discord."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Protocol

import structlog

from bot.domain.budget import Payer
from bot.errors import Forgotten, FramehoundError, GivenUp, LinkExpired, NotFound
from bot.render.summary import RefusedClip, TaggedClip
from bot.storage.database import retry_storage

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence
    from contextlib import AbstractAsyncContextManager

    from bot.domain.alerts import Alert
    from bot.domain.clip import Clip
    from bot.domain.job import Job
    from bot.domain.progress import Progress, ProgressListener
    from bot.domain.settings import GuildSettings
    from bot.domain.tagging import Tagging
    from bot.render.report import Report
    from bot.render.summary import ReportedClip
    from bot.services.alerts import AlertService
    from bot.services.job_records import JobRecords
    from bot.services.reports import Outcome, ReportBuilder
    from bot.services.tag_clip import ClipTagger
    from bot.storage.job_records import Reply


@dataclass(slots=True)
class ShownProgress:
    """How far the clips of a job have come, by their number, and where people read it.

    Who shows it tells ``note`` as soon as there is a reply.
    """

    steps: dict[int, Progress] = field(default_factory=dict)
    reply: Reply | None = None
    note: Callable[[Reply], Awaitable[object]] | None = None

    def listener(self, number: int) -> ProgressListener:
        """Return who listens to the work on one clip."""
        return partial(self.steps.__setitem__, number)


class Responder(Protocol):
    """Where answers go; ``again`` says that an earlier attempt may have got there already."""

    def show_progress(
        self, job: Job, settings: GuildSettings, *, again: bool
    ) -> AbstractAsyncContextManager[ShownProgress]:
        """Show people that their clips are being worked on while the block runs."""

    async def answer(
        self,
        job: Job,
        report: Report,
        settings: GuildSettings,
        *,
        earlier: Reply | None,
        again: bool,
    ) -> Reply | None:
        """Give the job its one answer: what it was shown ``earlier`` becomes it.

        Return where the answer stands, None where it could not be given.
        """

    async def withdraw(self, earlier: Reply) -> None:
        """Take back what was shown of a job that is not answered in words."""

    async def refuse(self, job: Job) -> None:
        """Mark the job's message with a small reaction and no words."""

    async def alert(self, alert: Alert, settings: GuildSettings) -> None:
        """Tell moderators, unless an earlier attempt already did."""

    async def renew(self, job: Job, clip: Clip) -> Clip | None:
        """Return a clip with a fresh link, or None where there is none to be had."""


class Answerer:
    """The two steps of a job; each may be repeated without harm."""

    def __init__(
        self,
        clip_tagger: ClipTagger,
        reporter: ReportBuilder,
        notes: JobRecords,
        watches: AlertService,
    ) -> None:
        self._clip_tagger = clip_tagger
        self._reporter = reporter
        self._notes = notes
        self._watches = watches
        self._log = structlog.get_logger("framehound.job")

    async def tag(self, job: Job, responder: Responder, *, again: bool) -> list[Outcome]:
        """Tag all clips of a job at once; a clip that fails costs the others nothing.

        Of what was deleted meanwhile nothing is kept and nothing told, bar to who asked and has
        read nothing yet; a reply that showed the work goes.
        """
        settings = await retry_storage(lambda: self._reporter.settings(job.guild_id))
        if job.recorded and not await self._notes.has(job):
            return self._forgotten(job)
        begun = job.recorded or await self._notes.begin(job)
        async with responder.show_progress(job, settings, again=again) as shown:
            shown.note = partial(self._notes.shown, job)
            each = (
                self._tag_clip(job, clip, responder, shown.listener(number), settings.language)
                for number, clip in enumerate(job.clips)
            )
            outcomes = list(await asyncio.gather(*each))
        if await self._notes.tagged(job, outcomes, shown.reply, begun=begun):
            return outcomes
        told = self._forgotten(job)
        if shown.reply:
            await responder.withdraw(shown.reply)
            return []
        return told

    def give_up(self, job: Job) -> list[Outcome]:
        """Refuse all clips of a job that ended the process time after time."""
        self._log.error("job given up")
        return [_refused(clip, GivenUp()) for clip in job.clips]

    async def answer(
        self, job: Job, outcomes: Sequence[Outcome], responder: Responder, *, again: bool
    ) -> str:
        """Give the one answer; what was only noticed is refused without words.

        Return ``answered``, or ``marked`` where there was nothing to say.
        """
        settings = await self._reporter.settings(job.guild_id)
        saved = await self._notes.find(job)
        if saved is None and job.recorded and any("fingerprint" in each for each in outcomes):
            outcomes = self._forgotten(job)
        clips = await self._reporter.clips(outcomes, settings)
        said = _worth_saying(job, clips, settings)
        earlier = reply = saved.reply if saved else None
        if said:
            report = await self._reporter.report(said, settings)
            reply = await responder.answer(job, report, settings, earlier=earlier, again=again)
            if saved and reply and not await self._notes.answered(job, reply):
                # Who deleted the message found no reply yet that would have gone with it.
                await responder.withdraw(reply)
                return "answered"
        elif earlier:
            await responder.withdraw(earlier)
        if not job.asked and any(isinstance(clip, RefusedClip) for clip in clips):
            await responder.refuse(job)
        await self._alert(job, clips, settings, reply, responder)
        return "answered" if said else "marked"

    async def _alert(
        self,
        job: Job,
        clips: Sequence[ReportedClip],
        settings: GuildSettings,
        reply: Reply | None,
        responder: Responder,
    ) -> None:
        """Tell moderators what they watch for, whether or not there was an answer in words."""
        alerts = await self._watches.alerts(job, clips, settings, reply)
        for alert in alerts:
            await responder.alert(alert, settings)
        if alerts:
            await retry_storage(lambda: self._watches.done(job))

    def _forgotten(self, job: Job) -> list[Outcome]:
        """Refuse what was deleted to who asked; nobody else is told."""
        self._log.info("what the job is about was deleted")
        return [_refused(clip, Forgotten()) for clip in job.clips] if job.asked else []

    async def _tag_clip(
        self,
        job: Job,
        clip: Clip,
        responder: Responder,
        progress: ProgressListener,
        language: str,
    ) -> Outcome:
        try:
            tagging = await self._tag_anew(job, clip, responder, progress, language)
        except FramehoundError as error:
            self._log.info("clip refused", code=error.code, reason=str(error), detail=error.detail)
            return _refused(clip, error)
        except Exception:  # noqa: BLE001 - the boundary of a clip: logged whole, answered in words
            # A defect of ours: said once with the job's id, and the person still gets an answer.
            self._log.exception("clip failed")
            return _refused(clip, FramehoundError())
        return {
            "name": clip.name,
            "spoiler": clip.spoiler,
            "fingerprint": tagging.info.fingerprint,
        }

    async def _tag_anew(
        self,
        job: Job,
        clip: Clip,
        responder: Responder,
        progress: ProgressListener,
        language: str,
    ) -> Tagging:
        """Tag the clip; a signed link whose time was over is asked for once more."""
        payer = Payer(job.owner, job.id)
        try:
            return await self._clip_tagger.tag_link(clip, progress, payer, language)
        except (LinkExpired, NotFound):
            fresh = await responder.renew(job, clip)
            if fresh is None:
                raise
        return await self._clip_tagger.tag_link(fresh, progress, payer, language)


def _worth_saying(
    job: Job, clips: Sequence[ReportedClip], settings: GuildSettings
) -> list[ReportedClip]:
    """Return what is told in words: of what was only noticed, what was tagged.

    Where a server wants to hear of finds alone, a message without any is not answered.
    """
    if job.asked:
        return list(clips)
    tagged = [clip for clip in clips if isinstance(clip, TaggedClip)]
    found = any(clip.timeline.segments for clip in tagged)
    return [] if settings.only_when_found and not found else list(tagged)


def _refused(clip: Clip, error: FramehoundError) -> Outcome:
    return {"name": clip.name, "error": error.as_dict()}
