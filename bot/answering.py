"""What one job does: tag every clip, then give one answer. Knows no queue and no Discord."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Protocol

import structlog

from bot.domain import timeline
from bot.domain.budget import Payer
from bot.domain.settings import GuildSettings
from bot.errors import FramehoundError, GivenUp, LinkExpired, NotFound, restore
from bot.render.summary import RefusedClip, Summary, TaggedClip, summarise
from bot.storage.errors import StorageUnavailable
from bot.storage.patience import patiently
from bot.storage.posted_clips import PostedClip

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bot.domain.clip import Clip
    from bot.domain.concepts import TaggerIdentity
    from bot.domain.job import Job
    from bot.domain.tagging import Tagging
    from bot.render.summary import ReportedClip
    from bot.storage.guild_settings import GuildSettingsStore
    from bot.storage.posted_clips import PostedClipStore
    from bot.tagging import ClipTagger

Outcome = dict[str, Any]
"""One clip's outcome as JSON values: ``name`` and either ``fingerprint`` or ``error``."""


class Responder(Protocol):
    """Where answers go."""

    async def answer(self, job: Job, summary: Summary, *, again: bool) -> None:
        """Give the job its one answer, unless an earlier attempt (``again``) already did."""

    async def refuse(self, job: Job) -> None:
        """Mark the job's message with a small reaction and no words."""

    async def renew(self, job: Job, clip: Clip) -> Clip | None:
        """Return a clip with a fresh link, or None where there is none to be had."""


class Answerer:
    """The two steps of a job; each may be repeated without harm."""

    def __init__(
        self,
        clip_tagger: ClipTagger,
        settings: GuildSettingsStore,
        posted_clips: PostedClipStore,
        default_threshold: float | None = None,
    ) -> None:
        self._clip_tagger = clip_tagger
        self._settings = settings
        self._posted_clips = posted_clips
        self._default_threshold = default_threshold
        self._log = structlog.get_logger("framehound.job")

    async def threshold(
        self, guild_id: int | None, identity: TaggerIdentity | None = None
    ) -> float:
        """Return the threshold that applies in a server, or in a private channel.

        It is that of the tagger asked first, unless another is named.
        """
        settings = await self._load(guild_id)
        return self._threshold(settings, identity or self._clip_tagger.tagger.identity)

    async def tag(self, job: Job, responder: Responder) -> list[Outcome]:
        """Tag all clips of a job at once; a clip that fails costs the others nothing."""
        each = (self._tag_clip(job, clip, responder) for clip in job.clips)
        outcomes = list(await asyncio.gather(*each))
        await self._note(job, outcomes)
        return outcomes

    def give_up(self, job: Job) -> list[Outcome]:
        """Refuse all clips of a job that ended the process time after time."""
        self._log.error("job given up")
        return [{"name": clip.name, "error": GivenUp().as_dict()} for clip in job.clips]

    async def answer(
        self, job: Job, outcomes: Sequence[Outcome], responder: Responder, *, again: bool
    ) -> str:
        """Give the one answer; what was only noticed is refused without words.

        Return ``answered``, or ``marked`` where there was nothing to say.
        """
        settings = await self._load(job.guild_id)
        reported = [await self._reported(outcome, settings) for outcome in outcomes]
        refused = [clip for clip in reported if isinstance(clip, RefusedClip)]
        said = reported if job.asked else [c for c in reported if isinstance(c, TaggedClip)]
        if said:
            summary = await asyncio.to_thread(summarise, said)
            await responder.answer(job, summary, again=again)
        if refused and not job.asked:
            await responder.refuse(job)
        return "answered" if said else "marked"

    async def _load(self, guild_id: int | None) -> GuildSettings:
        return await self._settings.load(guild_id) if guild_id else GuildSettings(0)

    def _threshold(self, settings: GuildSettings, identity: TaggerIdentity) -> float:
        """Return the threshold for a tagger; the operator's default is the asked tagger's alone."""
        asked = identity == self._clip_tagger.tagger.identity
        return settings.threshold_for(identity, self._default_threshold if asked else None)

    async def _note(self, job: Job, outcomes: Sequence[Outcome]) -> None:
        """Keep which clips were posted; an answer does not fail for it."""
        posted = [
            _posted(job, clip, outcome["fingerprint"])
            for clip, outcome in zip(job.clips, outcomes, strict=True)
            if "fingerprint" in outcome
        ]
        try:
            await patiently(lambda: self._posted_clips.add(posted))
        except StorageUnavailable as error:
            self._log.error("clips not noted", detail=error.detail)

    async def _tag_clip(self, job: Job, clip: Clip, responder: Responder) -> Outcome:
        try:
            tagging = await self._tag_anew(job, clip, responder)
        except FramehoundError as error:
            self._log.info("clip refused", code=error.code, reason=str(error), detail=error.detail)
            return {"name": clip.name, "error": error.as_dict()}
        except Exception:  # noqa: BLE001 - the boundary of a clip: logged whole, answered in words
            # A defect of ours: said once with the job's id, and the person still gets an answer.
            self._log.exception("clip failed")
            return {"name": clip.name, "error": FramehoundError().as_dict()}
        return {"name": clip.name, "fingerprint": tagging.info.fingerprint}

    async def _tag_anew(self, job: Job, clip: Clip, responder: Responder) -> Tagging:
        """Tag the clip; a signed link whose time was over is asked for once more."""
        payer = Payer(job.owner, job.id)
        try:
            return await self._clip_tagger.tag_link(clip, payer=payer)
        except (LinkExpired, NotFound):
            fresh = await responder.renew(job, clip)
            if fresh is None:
                raise
        return await self._clip_tagger.tag_link(fresh, payer=payer)

    async def _reported(self, outcome: Outcome, settings: GuildSettings) -> ReportedClip:
        if "error" in outcome:
            return RefusedClip(outcome["name"], str(restore(outcome["error"])))
        tagging = await self._clip_tagger.recall(outcome["fingerprint"])
        if tagging is None:
            # The tagger was changed between the job's two steps.
            return RefusedClip(outcome["name"], str(FramehoundError()))
        threshold = self._threshold(settings, tagging.tagger)
        built = await asyncio.to_thread(
            timeline.build, tagging.frames, tagging.info.duration, threshold
        )
        return TaggedClip(outcome["name"], built)


def _posted(job: Job, clip: Clip, fingerprint: str) -> PostedClip:
    return PostedClip(
        message_id=clip.message_id or job.message_id or job.snowflake,
        fingerprint=fingerprint,
        guild_id=job.guild_id,
        channel_id=job.channel_id,
        author_id=clip.author_id or job.author_id,
        posted_at=datetime.now(UTC),
    )
