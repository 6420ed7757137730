"""Keeping a job's record: the messages and people it is about, its outcomes and its reply."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import structlog

from bot.domain.job import RecordState
from bot.domain.outcome import Tagged
from bot.domain.search import moment_of
from bot.storage.database import StorageUnavailable, retry_storage
from bot.storage.job_records import JobRecord
from bot.storage.posted_clips import PostedClip

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bot.domain.job import Job, Reply
    from bot.domain.outcome import Outcome
    from bot.storage.job_records import JobRecordStore
    from bot.storage.posted_clips import PostedClipStore


class JobRecords:
    """Keeps the records of jobs and the posted clips.

    If a record is gone that was there before, the job was erased: its message was deleted, or
    somebody asked for it. A job never fails because its record cannot be written.
    """

    def __init__(self, posted_clips: PostedClipStore, store: JobRecordStore) -> None:
        self._posted_clips = posted_clips
        self._store = store
        self._log = structlog.get_logger("framehound.job")

    async def begin(self, job: Job) -> RecordState:
        """Record what a job is about, so that erasure finds it before it is answered.

        Return ``OPEN``, or ``NONE`` if the database is away.
        """
        try:
            await self._store.add(_open_record(job))
        except StorageUnavailable as error:
            self._log.warning("job not recorded yet", detail=error.detail)
            return RecordState.NONE
        return RecordState.OPEN

    async def resume(self, job: Job) -> RecordState:
        """Return the state of a job's record before tagging: ``OPEN``, ``NONE`` or ``ERASED``."""
        if job.record is RecordState.NONE:
            return await self.begin(job)
        try:
            record = await retry_storage(lambda: self.find(job))
        except StorageUnavailable as error:
            self._log.error("unknown whether the job was erased", detail=error.detail)
            return RecordState.OPEN
        return RecordState.OPEN if record else RecordState.ERASED

    async def find(self, job: Job) -> JobRecord | None:
        """Return the record of a job; raises ``StorageUnavailable``."""
        return await self._store.find(job.id)

    async def exists(self, job: Job) -> bool:
        """Return whether there is a record of a job; raises ``StorageUnavailable``."""
        return await self._store.exists(job.id)

    async def erase(self, job: Job) -> None:
        """Erase the record of a job; raises ``StorageUnavailable``."""
        await self._store.erase_job(job.id)

    async def save_outcomes(
        self, job: Job, outcomes: Sequence[Outcome], reply: Reply | None, before: RecordState
    ) -> RecordState:
        """Save the posted clips and the outcomes of a job whose record was in a state ``before``.

        Return ``TAGGED``, or ``ERASED`` if the job was erased meanwhile; then nothing is kept.
        """
        kept = [each for each in outcomes if job.requested or isinstance(each, Tagged)]
        try:
            if before is RecordState.NONE:
                await retry_storage(lambda: self._store.add(_open_record(job)))
            posted = _posted(job, outcomes)
            exists = await retry_storage(lambda: self._store.save_outcomes(job.id, kept, posted))
            if exists and reply:
                exists = await retry_storage(lambda: self._store.save_reply(job.id, reply))
            if not exists:
                clips = {clip.fingerprint for clip in posted}
                await retry_storage(lambda: self._posted_clips.erase_unposted(clips))
        except StorageUnavailable as error:
            self._log.error("outcomes not recorded", detail=error.detail)
            return RecordState.TAGGED
        return RecordState.TAGGED if exists else RecordState.ERASED

    async def save_progress(self, job: Job, reply: Reply) -> None:
        """Save where the progress is shown, if possible; ``save_outcomes`` does so again."""
        try:
            await self._store.save_reply(job.id, reply)
        except StorageUnavailable as error:
            self._log.warning("reply not recorded yet", detail=error.detail)

    async def save_reply(self, job: Job, reply: Reply) -> RecordState:
        """Save where the answer is; return ``ERASED`` if the job was erased meanwhile.

        If it cannot be saved, the only harm is that the reply outlives its message.
        """
        try:
            exists = await retry_storage(lambda: self._store.save_reply(job.id, reply))
        except StorageUnavailable as error:
            self._log.error("reply not recorded", detail=error.detail)
            return RecordState.TAGGED
        return RecordState.TAGGED if exists else RecordState.ERASED


def _open_record(job: Job) -> JobRecord:
    return JobRecord(
        job_id=job.id,
        channel_id=job.channel_id,
        guild_id=job.guild_id,
        parent_id=job.parent_id,
        message_ids=tuple(sorted(job.message_ids)),
        people=tuple(sorted(job.people)),
    )


def _posted(job: Job, outcomes: Sequence[Outcome]) -> list[PostedClip]:
    """Return the tagged clips of a job; ``outcomes`` has one for each of its clips, in order."""
    return [
        PostedClip(
            message_id=clip.message_id or job.message_id or job.snowflake,
            fingerprint=outcome.fingerprint,
            guild_id=job.guild_id,
            channel_id=job.channel_id,
            author_id=job.poster_of(clip),
            posted_at=moment_of(job.subject_id) if job.quiet else datetime.now(UTC),
            parent_id=job.parent_id,
            private=job.private,
            position=position,
            clips=len(job.clips),
            game=outcome.game,
            name=outcome.name,
        )
        for position, (clip, outcome) in enumerate(zip(job.clips, outcomes, strict=True), start=1)
        if isinstance(outcome, Tagged)
    ]
