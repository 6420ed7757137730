"""What is kept of a job: what it is about, what became of it, and where its reply stands."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import structlog

from bot.storage.database import StorageUnavailable, retry_storage
from bot.storage.job_records import SavedReport
from bot.storage.posted_clips import PostedClip

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bot.domain.job import Job
    from bot.services.reports import Outcome
    from bot.storage.job_records import Reply, ReportStore
    from bot.storage.posted_clips import PostedClipStore


class JobRecords:
    """Keeps reports and posted clips; where a report is gone, what it was about was deleted.

    An answer never fails because something can't be kept.
    """

    def __init__(self, posted_clips: PostedClipStore, reports: ReportStore) -> None:
        self._posted_clips = posted_clips
        self._reports = reports
        self._log = structlog.get_logger("framehound.job")

    async def begin(self, job: Job) -> bool:
        """Keep what a job is about, to learn of what is deleted before it is answered.

        Return False where that can't be kept just now.
        """
        try:
            await self._reports.save(_unanswered(job))
        except StorageUnavailable as error:
            self._log.warning("job not noted yet", detail=error.detail)
            return False
        return True

    async def has(self, job: Job) -> bool:
        """Tell whether what was begun is still there."""
        try:
            return await retry_storage(lambda: self.find(job)) is not None
        except StorageUnavailable as error:
            self._log.error("not known whether it was deleted", detail=error.detail)
            return True

    async def find(self, job: Job) -> SavedReport | None:
        """Return what is known of a job; raises StorageUnavailable."""
        return await self._reports.find(job.id)

    async def tagged(
        self, job: Job, outcomes: Sequence[Outcome], reply: Reply | None, *, begun: bool
    ) -> bool:
        """Keep which clips were posted, and what became of them.

        Return False, and keep nothing, where the job was forgotten since it was ``begun``.
        """
        posted = _posted(job, outcomes)
        told = [outcome for outcome in outcomes if job.asked or "error" not in outcome]
        try:
            added = await retry_storage(lambda: self._posted_clips.add(posted))
            if not begun:
                await retry_storage(lambda: self._reports.save(_unanswered(job)))
            kept = await retry_storage(lambda: self._reports.note_clips(job.id, told))
            if kept and reply:
                kept = await retry_storage(lambda: self._reports.note_reply(job.id, reply))
            if not kept:
                await retry_storage(lambda: self._posted_clips.forget(added))
        except StorageUnavailable as error:
            self._log.error("clips not noted", detail=error.detail)
            return True
        return kept

    async def shown(self, job: Job, reply: Reply) -> None:
        """Keep where progress is shown, if possible; ``tagged`` keeps it once more."""
        try:
            await self._reports.note_reply(job.id, reply)
        except StorageUnavailable as error:
            self._log.warning("reply not noted yet", detail=error.detail)

    async def answered(self, job: Job, reply: Reply) -> bool:
        """Keep where the reply stands; return False where the job was forgotten.

        Where that can't be kept the reply only outlives its message.
        """
        try:
            return await retry_storage(lambda: self._reports.note_reply(job.id, reply))
        except StorageUnavailable as error:
            self._log.error("reply not noted", detail=error.detail)
            return True


def _unanswered(job: Job) -> SavedReport:
    messages = {clip.message_id for clip in job.clips} | {job.message_id or job.snowflake}
    people = {clip.author_id for clip in job.clips} | {job.author_id}
    return SavedReport(
        job_id=job.id,
        channel_id=job.channel_id,
        clips=(),
        guild_id=job.guild_id,
        message_ids=tuple(sorted(filter(None, messages))),
        people=tuple(sorted(filter(None, people))),
    )


def _posted(job: Job, outcomes: Sequence[Outcome]) -> list[PostedClip]:
    """Return the clips that were tagged; ``outcomes`` has those of all, in the job's order."""
    return [
        PostedClip(
            message_id=clip.message_id or job.message_id or job.snowflake,
            fingerprint=outcome["fingerprint"],
            guild_id=job.guild_id,
            channel_id=job.channel_id,
            author_id=clip.author_id or job.author_id,
            posted_at=datetime.now(UTC),
            parent_id=job.parent_id,
            private=job.private,
            position=position,
            clips=len(job.clips),
        )
        for position, (clip, outcome) in enumerate(zip(job.clips, outcomes, strict=True), start=1)
        if "fingerprint" in outcome
    ]
