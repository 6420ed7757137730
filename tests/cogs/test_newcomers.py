"""New and small servers of a public bot share a part of the operator's budget."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import discord

from bot.chat.newcomers import NEW, SMALL, is_newcomer
from bot.config import Config
from bot.domain.budget import Budget, Payer
from bot.domain.job import guild_owner

if TYPE_CHECKING:
    import pytest

    from bot.chat.client import FramehoundBot
    from tests.cogs.conftest import RecordedJobs


async def test_the_jobs_of_a_new_server_say_so(simcord_env: Any, jobs: RecordedJobs) -> None:
    channel = (guild := simcord_env.create_guild()).create_text_channel("general")
    ann = guild.add_member(simcord_env.create_user("ann"))
    await ann.send(channel, "!tags https://cdn.example/cat.mp4")
    (job,) = jobs.recorded
    assert job.newcomer
    assert job.spender == str(ann.id)


async def test_established_servers_and_the_operators_own_are_no_newcomers(
    simcord_env: Any, simcord_bot: FramehoundBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    simcord_env.create_guild()
    (guild,) = simcord_bot.guilds
    operator = SimpleNamespace(id=7)
    public = SimpleNamespace(bot_public=True, owner=operator, team=None)
    monkeypatch.setattr(simcord_bot, "_application", public)
    now = discord.utils.utcnow()
    found = []
    for joined, members, owner in (
        (now, SMALL, 1),
        (now - NEW, SMALL - 1, 1),
        (now - NEW, SMALL, 1),
        (now, 1, operator.id),
    ):
        guild.me.joined_at, guild._member_count, guild.owner_id = joined, members, owner
        found.append(is_newcomer(simcord_bot, guild.id))
    assert found == [True, True, False, False]
    assert is_newcomer(simcord_bot, None, 1)
    assert not is_newcomer(simcord_bot, None, operator.id)
    monkeypatch.setattr(public, "bot_public", False)
    assert not is_newcomer(simcord_bot, None, 1)


async def test_usage_tells_what_is_left_of_a_share(
    simcord_env: Any, simcord_bot: FramehoundBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    budget = Budget(server=10_000, overall=40_000, person_share=10, newcomers_share=10)
    monkeypatch.setattr(Config, "budget", budget)
    channel = (guild := simcord_env.create_guild()).create_text_channel("general")
    ann, bob = (guild.add_member(simcord_env.create_user(name)) for name in ("ann", "bob"))
    payer = Payer(guild_owner(guild.id), "a", person=str(ann.id), newcomer=True)
    await simcord_bot.app.stores.usage.reserve(payer, 900, Budget())
    for person, left in ((ann, "100"), (bob, "1,000")):
        said = (await person.slash(channel, "usage")).response.content
        assert "used 900 of its 10,000 frames this month. While this server is small" in said
        assert f"new here, 1,100 are left for today. Your own clips can use {left} of them" in said
