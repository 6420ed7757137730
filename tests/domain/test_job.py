from __future__ import annotations

from dataclasses import replace

from bot.domain.clip import Clip
from bot.domain.job import MAX_CLIPS, Job

JOB = Job("message-1", channel_id=7, clips=(), author_id=3)


def test_a_job_has_a_limited_number_of_clips_however_it_is_made() -> None:
    clips = tuple(Clip(str(number), f"https://cdn.example/{number}") for number in range(392))
    made = replace(JOB, clips=clips)
    assert made.clips == clips[:MAX_CLIPS]
    saved = {**JOB.as_dict(), "clips": replace(made, clips=clips[:1]).as_dict()["clips"] * 392}
    assert len(Job.from_dict(saved).clips) == MAX_CLIPS


def test_a_person_outside_of_servers_is_one_owner_in_all_channels() -> None:
    jobs = [replace(JOB, channel_id=channel) for channel in range(1, 5)]
    assert {job.owner for job in jobs} == {"person-3"}
    assert replace(JOB, guild_id=5).owner == "guild-5"
