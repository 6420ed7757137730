"""Which messages and commands create a job."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import discord
import pytest

if TYPE_CHECKING:
    from tests.cogs.conftest import RecordedJobs

LINK = "https://cdn.example/cat.mp4"


@pytest.fixture
def channel_and_alice(simcord_env: Any) -> tuple[Any, Any]:
    guild = simcord_env.create_guild()
    channel = guild.create_text_channel("general")
    return channel, guild.add_member(simcord_env.create_user("alice"))


def locations(jobs: RecordedJobs) -> list[list[str]]:
    return [[clip.location for clip in job.clips] for job in jobs.recorded]


async def test_a_posted_link_is_tagged(
    channel_and_alice: tuple[Any, Any], jobs: RecordedJobs
) -> None:
    channel, alice = channel_and_alice
    message = await alice.send(channel, f"look at {LINK} and {LINK} and https://a.example/x.gif")
    (job,) = jobs.recorded
    assert [clip.location for clip in job.clips] == [LINK, "https://a.example/x.gif"]
    assert (job.id, job.message_id) == (f"message-{message.id}", message.id)
    assert (job.channel_id, job.guild_id, job.requested) == (channel.id, message.guild.id, False)


async def test_posted_files_are_tagged(
    channel_and_alice: tuple[Any, Any], jobs: RecordedJobs
) -> None:
    channel, alice = channel_and_alice
    files = [("cat.mp4", b"x" * 10), ("notes.txt", b"y"), ("SPOILER_dog.webm", b"z")]
    await alice.send(channel, attachments=files)
    (job,) = jobs.recorded
    found = [(clip.name, clip.size, clip.spoiler) for clip in job.clips]
    assert found == [("cat.mp4", 10, False), ("dog.webm", 1, True)]


@pytest.mark.parametrize(
    "text",
    ["hello", f"<{LINK}>", "https://example.org/page", "cat.mp4"],
)
async def test_a_message_without_clips_costs_nothing(
    text: str, channel_and_alice: tuple[Any, Any], jobs: RecordedJobs
) -> None:
    channel, alice = channel_and_alice
    await alice.send(channel, text)
    assert jobs.recorded == []


async def test_bots_are_not_answered(simcord_env: Any, jobs: RecordedJobs) -> None:
    guild = simcord_env.create_guild()
    channel = guild.create_text_channel("general")
    robot = guild.add_member(simcord_env.create_user("robot", bot=True))
    await robot.send(channel, LINK)
    assert jobs.recorded == []


async def test_tags_with_a_link_creates_a_job(
    channel_and_alice: tuple[Any, Any], jobs: RecordedJobs
) -> None:
    channel, alice = channel_and_alice
    for text in (f"!tags {LINK}", f"!tags <{LINK}>"):
        await alice.send(channel, text)
    assert locations(jobs) == [[LINK], [LINK]]
    assert all(job.requested for job in jobs.recorded)


async def test_tags_accepts_links_that_do_not_look_like_clips(
    channel_and_alice: tuple[Any, Any], jobs: RecordedJobs
) -> None:
    channel, alice = channel_and_alice
    await alice.send(channel, "!tags https://a.example/watch?v=1")
    await alice.send(channel, "!tags something")
    assert locations(jobs) == [["https://a.example/watch?v=1"], ["something"]]


async def test_tags_with_a_file_creates_a_job(
    channel_and_alice: tuple[Any, Any], jobs: RecordedJobs
) -> None:
    channel, alice = channel_and_alice
    await alice.send(channel, "!tags", attachments=[("a.mp4", b"x"), ("b.bin", b"y")])
    (job,) = jobs.recorded
    assert job.requested
    assert [clip.name for clip in job.clips] == ["a.mp4"]


async def test_tags_as_a_reply_tags_the_message_replied_to(
    channel_and_alice: tuple[Any, Any], jobs: RecordedJobs
) -> None:
    channel, alice = channel_and_alice
    posted = await alice.send(channel, LINK)
    asked = await alice.send(channel, "!tags", reply_to=posted)
    assert [job.id for job in jobs.recorded] == [f"message-{posted.id}", f"message-{asked.id}"]
    assert jobs.recorded[1].requested
    assert locations(jobs)[1] == [LINK]


async def test_tags_without_a_clip_explains_what_it_needs(
    channel_and_alice: tuple[Any, Any], jobs: RecordedJobs
) -> None:
    channel, alice = channel_and_alice
    await alice.send(channel, "!tags")
    assert channel.last_message.content.startswith("I don't see a clip there")
    answered = await alice.slash(channel, "tags")
    assert answered.response.content.startswith("I don't see a clip there")
    assert jobs.recorded == []


async def test_the_slash_command_defers_and_creates_a_job(
    channel_and_alice: tuple[Any, Any], jobs: RecordedJobs
) -> None:
    channel, alice = channel_and_alice
    answered = await alice.slash(channel, "tags", url=f"<{LINK}>")
    assert answered.deferred
    (job,) = jobs.recorded
    assert job.requested
    assert job.interaction is not None
    assert job.interaction.token
    assert locations(jobs) == [[LINK]]


async def test_the_context_menu_tags_its_message(
    channel_and_alice: tuple[Any, Any], jobs: RecordedJobs
) -> None:
    channel, alice = channel_and_alice
    posted = await alice.send(channel, f"<{LINK}>")
    answered = await alice.context_menu(channel, "Tag this video", posted)
    assert answered.deferred
    assert locations(jobs) == [[LINK]]


async def test_a_forwarded_clip_is_tagged(simcord_env: Any, jobs: RecordedJobs) -> None:
    guild = simcord_env.create_guild()
    first, second = guild.create_text_channel("one"), guild.create_text_channel("two")
    alice = guild.add_member(simcord_env.create_user("alice"))
    posted = await alice.send(first, LINK)
    await alice.forward(posted, second)
    assert locations(jobs) == [[LINK], [LINK]]
    assert jobs.recorded[1].channel_id == second.id


async def test_a_clip_in_a_private_message_is_tagged(simcord_env: Any, jobs: RecordedJobs) -> None:
    alice = simcord_env.create_user("alice")
    await alice.send_dm(LINK)
    (job,) = jobs.recorded
    assert job.guild_id is None
    assert job.owner == f"person-{alice.id}"


async def test_commands_are_synced_once_while_they_stay_the_same(
    simcord_env: Any, simcord_bot: Any
) -> None:
    def syncs() -> int:
        return sum(
            entry.method == "PUT" and entry.path.endswith("/commands")
            for entry in simcord_env.http_requests
        )

    assert syncs() == 1
    await simcord_bot._sync_commands()
    assert syncs() == 1
    assert isinstance(simcord_bot.allowed_mentions, discord.AllowedMentions)
    assert not simcord_bot.allowed_mentions.everyone
