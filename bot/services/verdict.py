"""Deciding what to do about a job whose clips are tagged or refused. Deciding has no effects."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from bot.render.summary import RefusedClip, TaggedClip

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bot.domain.alerts import Alert
    from bot.domain.job import Job, Reply
    from bot.domain.settings import GuildSettings
    from bot.render.summary import ReportedClip
    from bot.services.personal_alerts import Matches
    from bot.storage.job_records import JobRecord


@dataclass(frozen=True, slots=True)
class Verdict:
    """What to do about a job.

    ``report`` has the clips to answer with; without any, nothing is said. ``earlier`` is a message
    that showed the progress: it becomes the answer, or is withdrawn if nothing is said. With
    ``mark``, a reaction on the message says that something was refused. ``alerts`` go to the
    channels of watches, and ``personal`` has the people who get an alert of their own. ``recorded``
    means that the job had a record, which will be missing if the job is erased before the answer is
    sent.
    """

    report: tuple[ReportedClip, ...] = ()
    earlier: Reply | None = None
    mark: bool = False
    alerts: tuple[Alert, ...] = ()
    recorded: bool = False
    personal: Matches = field(default_factory=dict)

    @property
    def withdraw(self) -> Reply | None:
        """The message to delete, if there is one."""
        return None if self.report else self.earlier

    @property
    def outcome(self) -> str:
        """``answered``, or ``marked`` if nothing is said; counted in the metrics."""
        return "answered" if self.report else "marked"


def decide(
    job: Job,
    clips: Sequence[ReportedClip],
    settings: GuildSettings,
    *,
    record: JobRecord | None = None,
    alerts: Sequence[Alert] = (),
    personal: Matches | None = None,
) -> Verdict:
    """Decide what to do about a job, given its clips as the server wants to see them."""
    if job.quiet:
        return Verdict(recorded=record is not None)
    refused = any(isinstance(clip, RefusedClip) for clip in clips)
    return Verdict(
        report=_worth_reporting(job, clips, settings),
        earlier=record.reply if record else None,
        mark=refused and not job.requested,
        alerts=tuple(alerts),
        recorded=record is not None,
        personal=personal or {},
    )


def _worth_reporting(
    job: Job, clips: Sequence[ReportedClip], settings: GuildSettings
) -> tuple[ReportedClip, ...]:
    """Return the clips to answer with.

    A request is answered with all of them. A post is answered with the tagged ones, or not at all
    if the server wants no answers without tags and there are none.
    """
    if job.requested:
        return tuple(clips)
    tagged = tuple(clip for clip in clips if isinstance(clip, TaggedClip))
    has_tags = any(clip.timeline.segments for clip in tagged)
    return () if settings.only_when_found and not has_tags else tagged
