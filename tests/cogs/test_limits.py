"""Rate limits, missing permissions, usage and retention."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import discord
import pytest

from bot.config import Config
from bot.domain.budget import Budget, Payer, Price
from bot.domain.job import guild_owner

if TYPE_CHECKING:
    from bot.chat.client import FramehoundBot
    from tests.cogs.conftest import RecordedJobs

LINK = "https://cdn.example/cat.mp4"


def meet(env: Any, *names: str) -> tuple[Any, ...]:
    guild = env.create_guild()
    channel = guild.create_text_channel("general")
    return channel, *(guild.add_member(env.create_user(name)) for name in names)


@pytest.mark.simcord(check_errors=False)  # the refusal is an error of the command
async def test_requests_of_a_person_are_rate_limited(simcord_env: Any, jobs: RecordedJobs) -> None:
    channel, alice, bob = meet(simcord_env, "alice", "bob")
    for _ in range(10):
        await alice.send(channel, f"!tags {LINK}")
    assert len(jobs.recorded) == 10
    await alice.send(channel, f"!tags {LINK}")
    assert channel.last_message.content == "That's a lot of requests at once. Try again in 6 s."
    answered = await alice.slash(channel, "tags", url=LINK)
    assert "Try again in" in answered.response.content
    assert answered.ephemeral
    await bob.send(channel, f"!tags {LINK}")
    assert len(jobs.recorded) == 11


@pytest.mark.simcord(check_errors=False)
async def test_every_command_counts_towards_the_limit_of_a_person(
    simcord_env: Any, jobs: RecordedJobs
) -> None:
    channel, alice, bob = meet(simcord_env, "alice", "bob")
    for name in ("about", "help", "usage", "privacy show", "threshold") * 6:
        assert "Try again in" not in (await alice.slash(channel, name)).response.content
    refused = await alice.slash(channel, "about")
    assert "Try again in" in refused.response.content
    assert refused.ephemeral
    last = []
    for text in ("!usage", "!privacy", "!threshold", "!tags") * 3:
        await alice.send(channel, text)
        last.append(channel.last_message.content)
    assert sum("Try again in" in said for said in last) == 2  # a flood gets few replies
    assert "Try again in" not in (await bob.slash(channel, "about")).response.content
    assert jobs.recorded == []


@pytest.mark.simcord(check_errors=False)
async def test_requests_of_a_server_are_rate_limited(simcord_env: Any, jobs: RecordedJobs) -> None:
    channel, *people = meet(simcord_env, *(f"member {number}" for number in range(7)))
    for number in range(60):
        await people[number % 6].send(channel, f"!tags {LINK}")
    assert len(jobs.recorded) == 60
    await people[6].send(channel, f"!tags {LINK}")
    assert "Try again in 1 s" in channel.last_message.content
    assert len(jobs.recorded) == 60


@pytest.mark.simcord(check_errors=False)
async def test_a_permission_that_is_missing_is_named(simcord_env: Any, jobs: RecordedJobs) -> None:
    guild = simcord_env.create_guild()
    forbidden = {guild.me: discord.PermissionOverwrite(attach_files=False)}
    channel = guild.create_text_channel("general", overwrites=forbidden)
    alice = guild.add_member(simcord_env.create_user("alice"))
    await alice.send(channel, f"!tags {LINK}")
    assert channel.last_message.content == (
        "I can't reply here. Missing permissions: Attach Files."
    )
    await alice.send(channel, LINK)
    assert jobs.recorded == []


@pytest.mark.simcord(check_errors=False)
async def test_a_command_with_too_many_links_is_refused(
    simcord_env: Any, jobs: RecordedJobs
) -> None:
    channel, alice = meet(simcord_env, "alice")
    links = " ".join(f"https://cdn.example/{number}.mp4" for number in range(392))
    answered = await alice.slash(channel, "tags", url=links)
    assert answered.response.content == (
        "That's 392 clips. I can look at 10 at once, so give me fewer."
    )
    assert jobs.recorded == []


async def test_usage_of_the_month_is_shown(simcord_env: Any, simcord_bot: FramehoundBot) -> None:
    channel, alice = meet(simcord_env, "alice")
    payer = Payer(guild_owner(channel.guild.id), "a")
    await simcord_bot.app.stores.usage.reserve(payer, 1234, Budget())
    answered = await alice.slash(channel, "usage")
    assert answered.response.content.startswith(
        "Frames billed for this server this month: 1,234. Each second of a clip that's new to me"
    )
    assert answered.ephemeral


async def test_usage_is_shown_as_money_too(
    simcord_env: Any, simcord_bot: FramehoundBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    price = property(lambda _config: Price(1.2, "EUR"))
    monkeypatch.setattr(Config, "clarifai_price", price, raising=False)
    channel, alice = meet(simcord_env, "alice")
    await simcord_bot.app.stores.usage.reserve(
        Payer(guild_owner(channel.guild.id), "a"), 3000, Budget()
    )
    answered = await alice.slash(channel, "usage")
    assert "this month: 3,000. That's about 3.60 EUR. Each" in answered.response.content


async def test_the_panel_warns_managers_when_most_frames_are_used(
    simcord_env: Any, simcord_bot: FramehoundBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Config, "budget", Budget(server=1000))
    guild = simcord_env.create_guild()
    role = guild.create_role("manager", permissions=discord.Permissions(manage_guild=True))
    alice = guild.add_member(simcord_env.create_user("alice"), roles=[role])
    channel = guild.create_text_channel("general")
    for reference, frames, warns in (("a", 799, False), ("b", 1, True)):
        payer = Payer(guild_owner(guild.id), reference)
        await simcord_bot.app.stores.usage.reserve(payer, frames, Budget())
        shown = await alice.slash(channel, "settings show")
        warning = "Most of this month's frames are used: 800 of 1,000."
        assert (warning in str(shown.response.components)) == warns


async def test_managers_set_the_retention_of_clips(
    simcord_env: Any,
) -> None:
    guild = simcord_env.create_guild()
    channel = guild.create_text_channel("general")
    role = guild.create_role("manager", permissions=discord.Permissions(manage_guild=True))
    alice = guild.add_member(simcord_env.create_user("alice"), roles=[role])
    said = []
    for days in (30, 366, -1, 0):
        answered = await alice.slash(channel, "settings retention", days=days)
        said.append(answered.response.content)
        if days == 30:
            shown = await alice.slash(channel, "settings show")
            await alice.click(shown.response, custom_id="settings:page:answers")
            assert "**Retention** · 30 days" in str(shown.response.components)
    assert said == [
        "Done. I'll forget this server's clips after 30 days.",
        "Choose from 1 to 365 days, or 0 for the maximum.",
        "Choose from 1 to 365 days, or 0 for the maximum.",
        "Done. I'll forget this server's clips after 365 days.",
    ]


@pytest.mark.simcord(check_errors=False)
async def test_members_without_the_permission_cannot_change_settings(
    simcord_env: Any, simcord_bot: FramehoundBot
) -> None:
    channel, alice = meet(simcord_env, "alice")
    refusal = "You need the Manage Server permission to do this."
    for text in ("!settings retention 3", "!settings"):
        await alice.send(channel, text)
        assert channel.last_message.content == refusal
    assert (await simcord_bot.app.stores.settings.load(channel.guild.id)).retention_days is None
