"""Verdicts about jobs, compared as values; nothing is sent or stored."""

from __future__ import annotations

import pytest

from bot.domain import timeline
from bot.domain.alerts import Alert
from bot.domain.job import Job, Reply
from bot.domain.settings import GuildSettings
from bot.render.summary import RefusedClip, ReportedClip, TaggedClip
from bot.services.verdict import Verdict, decide
from bot.storage.job_records import JobRecord
from tests.storage.samples import TAGGING

POST = Job("message-1", 10, (), guild_id=5, message_id=1)
REQUEST = Job("interaction-1", 10, (), guild_id=5, requested=True)
REFUSED = RefusedClip("photo.png", "I can't read PNG images.")
EVERYTHING, ONLY_TAGS = GuildSettings(5), GuildSettings(5, only_when_found=True)
REPLY = Reply(10, 99)


def tagged(threshold: float) -> TaggedClip:
    built = timeline.build(TAGGING.frames, TAGGING.info.duration, threshold)
    return TaggedClip("cat.mp4", built, TAGGING)


WITH_TAGS, WITHOUT_TAGS = tagged(0.0), tagged(1.0)


@pytest.mark.parametrize(
    ("job", "clips", "settings", "expected"),
    [
        (POST, [WITH_TAGS], EVERYTHING, Verdict(report=(WITH_TAGS,))),
        (POST, [WITHOUT_TAGS], EVERYTHING, Verdict(report=(WITHOUT_TAGS,))),
        (POST, [WITHOUT_TAGS], ONLY_TAGS, Verdict()),
        (POST, [WITHOUT_TAGS, WITH_TAGS], ONLY_TAGS, Verdict(report=(WITHOUT_TAGS, WITH_TAGS))),
        (POST, [REFUSED], EVERYTHING, Verdict(mark=True)),
        (POST, [REFUSED, WITH_TAGS], EVERYTHING, Verdict(report=(WITH_TAGS,), mark=True)),
        (POST, [REFUSED, WITHOUT_TAGS], ONLY_TAGS, Verdict(mark=True)),
        (POST, [], EVERYTHING, Verdict()),
        (REQUEST, [WITH_TAGS], EVERYTHING, Verdict(report=(WITH_TAGS,))),
        (REQUEST, [WITHOUT_TAGS], ONLY_TAGS, Verdict(report=(WITHOUT_TAGS,))),
        (REQUEST, [REFUSED], ONLY_TAGS, Verdict(report=(REFUSED,))),
        (REQUEST, [REFUSED, WITH_TAGS], EVERYTHING, Verdict(report=(REFUSED, WITH_TAGS))),
        (REQUEST, [], EVERYTHING, Verdict()),
    ],
)
def test_posts_and_requests_are_decided_by_their_clips(
    job: Job, clips: list[ReportedClip], settings: GuildSettings, expected: Verdict
) -> None:
    assert decide(job, clips, settings) == expected


def test_shown_progress_becomes_the_answer() -> None:
    verdict = decide(POST, [WITH_TAGS], EVERYTHING, record=JobRecord("message-1", 10, reply=REPLY))
    assert verdict == Verdict(report=(WITH_TAGS,), earlier=REPLY, recorded=True)
    assert (verdict.withdraw, verdict.outcome) == (None, "answered")


def test_shown_progress_is_withdrawn_if_there_is_nothing_to_say() -> None:
    verdict = decide(POST, [REFUSED], EVERYTHING, record=JobRecord("message-1", 10, reply=REPLY))
    assert (verdict.withdraw, verdict.outcome) == (REPLY, "marked")


def test_alerts_are_sent_even_if_nothing_is_said() -> None:
    alert = Alert(5, 11, 1, 10, None, 1, ())
    assert decide(POST, [WITHOUT_TAGS], ONLY_TAGS, alerts=[alert]) == Verdict(alerts=(alert,))
