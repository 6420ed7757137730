"""Use case: alerts about watched tags in a job's clips."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from typing import TYPE_CHECKING

from bot.domain.alerts import Alert, WatchMatch
from bot.domain.nudity import nudity_frames, nudity_tag
from bot.domain.search import find_segments, normalize
from bot.render.summary import TaggedClip

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bot.domain.alerts import Watch
    from bot.domain.job import Job
    from bot.domain.settings import GuildSettings
    from bot.domain.tagging import Tagging
    from bot.render.summary import ReportedClip
    from bot.services.reports import ReportBuilder
    from bot.storage.watches import WatchStore


class AlertService:
    """Finds watched tags in a job's clips, and makes one alert for each channel."""

    def __init__(self, watches: WatchStore, reports: ReportBuilder) -> None:
        self._watches = watches
        self._reports = reports

    async def alerts(
        self, job: Job, clips: Sequence[ReportedClip], settings: GuildSettings
    ) -> list[Alert]:
        """Return the alerts about a job's clips; none if its message caused alerts before.

        Clips in private threads cause none: only those in the thread may know of them.
        """
        if job.guild_id is None or job.private:
            return []
        watches = await self._watches.load(job.guild_id)
        if not watches or await self._watches.is_alerted(job.subject_id):
            return []
        found: defaultdict[int, list[WatchMatch]] = defaultdict(list)
        for position, clip in enumerate(clips, start=1):
            if isinstance(clip, TaggedClip):
                wrong = set(map(normalize, clip.corrected))
                for watch in watches:
                    if watch.normalized in wrong:
                        continue
                    if match := await self._match(watch, clip.tagging, position, settings):
                        found[watch.channel_id].append(match)
        return [_alert(job, channel_id, matches) for channel_id, matches in found.items()]

    async def save_alerted(self, job: Job) -> None:
        """Remember that the job's message caused alerts."""
        await self._watches.save_alerted(job.subject_id)

    async def _match(
        self, watch: Watch, tagging: Tagging, position: int, settings: GuildSettings
    ) -> WatchMatch | None:
        tag, frames = watch.tag, tagging.frames
        threshold, thresholds = watch.threshold, {}
        if settings.nudity and (nudity := nudity_tag(watch.normalized)):
            tag, frames = nudity, nudity_frames(tagging)
            threshold = settings.nudity_score if threshold is None else threshold
        elif threshold is None:
            threshold = self._reports.threshold_of(settings, tagging.tagger)
            thresholds = self._reports.thresholds_of(settings, tagging)
        segments = await asyncio.to_thread(
            find_segments,
            frames,
            tagging.info.duration,
            tag,
            threshold,
            settings.smoothing,
            thresholds,
        )
        return WatchMatch(watch.tag, position, segments) if segments else None


def _alert(job: Job, channel_id: int, matches: Sequence[WatchMatch]) -> Alert:
    return Alert(
        guild_id=job.guild_id or 0,
        channel_id=channel_id,
        message_id=job.subject_id,
        source_id=job.channel_id,
        author_id=job.poster_of(job.clips[0]) if job.clips else job.author_id,
        clips=len(job.clips),
        matches=tuple(sorted(matches, key=_rank)),
        by_command=job.interaction is not None and job.subject_id == job.snowflake,
    )


def _rank(match: WatchMatch) -> tuple[float, str, int]:
    return -match.score, match.tag, match.position
