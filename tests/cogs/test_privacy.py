"""What people learn about stored data, opting out, and erasure."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import discord
import pytest

from bot.storage.database import StorageUnavailable
from bot.storage.posted_clips import PostedClip

if TYPE_CHECKING:
    from collections.abc import Collection

    from bot.chat.client import FramehoundBot
    from tests.cogs.conftest import RecordedJobs

LINK = "https://cdn.example/cat.mp4"


@pytest.fixture
def channel_and_members(simcord_env: Any) -> tuple[Any, Any, Any]:
    guild = simcord_env.create_guild()
    channel = guild.create_text_channel("general")
    people = [guild.add_member(simcord_env.create_user(name)) for name in ("alice", "bob")]
    return channel, *people


async def keep(bot: FramehoundBot, author: Any, *messages: int) -> None:
    now = datetime.now(UTC)
    posted = [PostedClip(number, "sha256:01", 1, 2, author.id, now) for number in messages]
    await bot.app.stores.posted_clips.add(posted)


async def test_people_see_what_is_stored_about_them(
    channel_and_members: tuple[Any, Any, Any], simcord_bot: FramehoundBot
) -> None:
    channel, alice, bob = channel_and_members
    await keep(simcord_bot, alice, 1, 2)
    await keep(simcord_bot, bob, 3)
    answered = await alice.slash(channel, "privacy show")
    assert "I remember 2 of your messages and commands." in answered.response.content
    assert answered.ephemeral
    await bob.send(channel, "!privacy")
    assert "I remember one of your messages or commands." in channel.last_message.content
    await simcord_bot.erasure.person(bob.id)
    await bob.send(channel, "!privacy")
    assert "I don't remember any of your clips or commands." in channel.last_message.content


async def test_people_who_opted_out_are_ignored_until_they_opt_in(
    channel_and_members: tuple[Any, Any, Any], jobs: RecordedJobs
) -> None:
    channel, alice, bob = channel_and_members
    await alice.slash(channel, "privacy optout")
    await alice.send(channel, LINK)
    assert jobs.recorded == []
    await bob.send(channel, LINK)
    assert len(jobs.recorded) == 1
    shown = await alice.slash(channel, "privacy show")
    assert "You've opted out" in shown.response.content
    await alice.slash(channel, "privacy optin")
    await alice.send(channel, LINK)
    assert len(jobs.recorded) == 2


@pytest.mark.simcord(check_errors=False)  # the refusal is an error of the command
async def test_clips_of_a_person_who_opted_out_cannot_be_tagged_by_others(
    channel_and_members: tuple[Any, Any, Any], jobs: RecordedJobs
) -> None:
    channel, alice, bob = channel_and_members
    await alice.slash(channel, "privacy optout")
    posted = await alice.send(channel, LINK)
    refusal = "The person who posted this asked me to leave their clips alone."
    await bob.send(channel, "!tags", reply_to=posted)
    assert channel.last_message.content == refusal
    await bob.context_menu(channel, "Tag this video", posted)
    assert jobs.recorded == []
    await alice.send(channel, "!tags", reply_to=posted)
    assert len(jobs.recorded) == 1


async def test_people_can_erase_their_data(
    channel_and_members: tuple[Any, Any, Any], simcord_bot: FramehoundBot, jobs: RecordedJobs
) -> None:
    channel, alice, bob = channel_and_members
    await keep(simcord_bot, alice, 1, 2)
    await keep(simcord_bot, bob, 3)
    posted = await alice.send(channel, LINK)
    answered = await alice.slash(channel, "privacy forget")
    assert answered.ephemeral
    assert answered.response.content == (
        "Done. I've forgotten 2 of your messages and commands, and I'm deleting my replies to "
        "them. That can take a while."
    )
    counts = [await simcord_bot.app.stores.job_records.count(each.id) for each in (alice, bob)]
    assert counts == [0, 1]
    assert jobs.forgotten == {f"message-{posted.id}"}
    again = await alice.slash(channel, "privacy forget")
    assert "nothing to forget" in again.response.content


async def test_a_deleted_message_is_erased(
    channel_and_members: tuple[Any, Any, Any], simcord_bot: FramehoundBot, jobs: RecordedJobs
) -> None:
    channel, alice, _bob = channel_and_members
    message = await alice.send(channel, LINK)
    await keep(simcord_bot, alice, message.id)
    await alice.delete(message)
    assert await simcord_bot.app.stores.job_records.count(alice.id) == 0
    assert jobs.forgotten == {f"message-{message.id}"}


async def test_a_deletion_is_not_forgotten_if_the_database_is_away_for_long(
    channel_and_members: tuple[Any, Any, Any],
    simcord_bot: FramehoundBot,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    channel, alice, _bob = channel_and_members
    message = await alice.send(channel, LINK)
    await keep(simcord_bot, alice, message.id)
    erase, outages = simcord_bot.erasure.messages, iter([StorageUnavailable, StorageUnavailable])

    async def away_twice(message_ids: Collection[int]) -> None:
        for outage in outages:  # each of which lasted for all retries
            raise outage
        await erase(message_ids)

    monkeypatch.setattr(simcord_bot.erasure, "messages", away_twice)
    await alice.delete(message)
    assert await simcord_bot.app.stores.job_records.count(alice.id) == 0


async def test_single_and_bulk_deletions_are_handled(
    channel_and_members: tuple[Any, Any, Any], simcord_bot: FramehoundBot
) -> None:
    channel, alice, _bob = channel_and_members
    guild = alice.guild
    now = datetime.now(UTC)
    posted = [
        PostedClip(1, "sha256:01", guild.id, 5, alice.id, now),
        PostedClip(2, "sha256:02", guild.id, channel.id, alice.id, now),
        PostedClip(3, "sha256:03", guild.id, 7, alice.id, now),
        PostedClip(4, "sha256:04", guild.id, 8, alice.id, now),
    ]
    await simcord_bot.app.stores.posted_clips.add(posted)
    count = simcord_bot.app.stores.job_records.count
    cog = simcord_bot.get_cog("Privacy")
    bulk = discord.RawBulkMessageDeleteEvent({"ids": ["1"], "channel_id": "5"})
    await cog.on_raw_bulk_message_delete(bulk)  # type: ignore[union-attr]  # it is loaded
    assert await count(alice.id) == 3
    thread = {"id": "7", "type": 11, "guild_id": str(guild.id), "parent_id": "5"}
    event = discord.RawThreadDeleteEvent(thread)  # type: ignore[arg-type]  # Discord's own fields
    await cog.on_raw_thread_delete(event)  # type: ignore[union-attr]
    assert await count(alice.id) == 2
    await cog.on_guild_channel_delete(discord.Object(channel.id))  # type: ignore[union-attr]
    assert await count(alice.id) == 1
    await cog.on_guild_remove(discord.Object(guild.id))  # type: ignore[union-attr]
    assert await count(alice.id) == 0
