"""Which of a job's clips show what a server watches for. Knows no Discord."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from typing import TYPE_CHECKING

from bot.domain.alerts import Alert, WatchMatch
from bot.domain.search import find_segments, link_to
from bot.render.summary import TaggedClip

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bot.domain.alerts import Watch
    from bot.domain.job import Job
    from bot.domain.settings import GuildSettings
    from bot.domain.tagging import Tagging
    from bot.render.summary import ReportedClip
    from bot.services.reports import ReportBuilder
    from bot.storage.job_records import Reply
    from bot.storage.watches import WatchStore


class AlertService:
    """Makes alerts of what was tagged, one a message and channel."""

    def __init__(self, store: WatchStore, reporter: ReportBuilder) -> None:
        self._store = store
        self._reporter = reporter

    async def alerts(
        self,
        job: Job,
        clips: Sequence[ReportedClip],
        settings: GuildSettings,
        reply: Reply | None,
    ) -> list[Alert]:
        """Return what a server's channels are to be told of a job's clips.

        That is nothing of a message they were told of before. Clips a command brought are linked
        to through the ``reply``.
        """
        if job.guild_id is None:
            return []
        watches = await self._store.load(job.guild_id)
        if not watches or await self._store.is_alerted(job.subject_id):
            return []
        found: defaultdict[int, list[WatchMatch]] = defaultdict(list)
        for position, clip in enumerate(clips, start=1):
            if not isinstance(clip, TaggedClip):
                continue
            for watch in watches:
                sighting = await self._sighting(watch, clip.tagging, position, settings)
                if sighting:
                    found[watch.channel_id].append(sighting)
        return [_alert(job, channel, seen, reply) for channel, seen in found.items()]

    async def done(self, job: Job) -> None:
        """Note that they were told."""
        await self._store.note_alerted(job.subject_id)

    async def _sighting(
        self, watch: Watch, tagging: Tagging, position: int, settings: GuildSettings
    ) -> WatchMatch | None:
        threshold = watch.threshold
        if threshold is None:
            threshold = self._reporter.threshold_of(settings, tagging.tagger)
        segments = await asyncio.to_thread(
            find_segments,
            tagging.frames,
            tagging.info.duration,
            watch.tag,
            threshold,
            settings.flicker,
        )
        return WatchMatch(watch.tag, position, segments) if segments else None


def _alert(job: Job, channel_id: int, seen: Sequence[WatchMatch], reply: Reply | None) -> Alert:
    message_id = job.subject_id
    if job.interaction and message_id == job.snowflake and reply:
        message_id = reply.message_id
    return Alert(
        guild_id=job.guild_id or 0,
        channel_id=channel_id,
        message_id=job.subject_id,
        link=link_to(job.guild_id, job.channel_id, message_id),
        author_id=(job.clips[0].author_id if job.clips else None) or job.author_id,
        clips=len(job.clips),
        matches=tuple(sorted(seen, key=_rank)),
    )


def _rank(sighting: WatchMatch) -> tuple[float, str, int]:
    return -sighting.score, sighting.tag, sighting.position
