from __future__ import annotations

from typing import Any

import discord
import pytest

MANAGER = discord.Permissions(manage_guild=True)


def meet(env: Any, permissions: discord.Permissions | None = None) -> tuple[Any, Any]:
    guild = env.create_guild()
    channel = guild.create_text_channel("general")
    roles = [guild.create_role("manager", permissions=permissions)] if permissions else []
    return channel, guild.add_member(env.create_user("alice"), roles=roles)


async def test_everybody_can_see_the_threshold(simcord_env: Any) -> None:
    channel, alice = meet(simcord_env)
    await alice.send(channel, "!threshold")
    assert channel.last_message.content == "This server shows tags scored above 0.5."
    answered = await alice.slash(channel, "threshold")
    assert answered.response.content == "This server shows tags scored above 0.5."


@pytest.mark.parametrize("written", ["0.9", "90%", ".9"])
async def test_managers_can_set_the_threshold(simcord_env: Any, written: str) -> None:
    channel, alice = meet(simcord_env, MANAGER)
    await alice.send(channel, f"!threshold {written}")
    assert channel.last_message.content == ("Done. This server now shows tags scored above 0.9.")
    await alice.send(channel, "!threshold")
    assert channel.last_message.content == "This server shows tags scored above 0.9."


async def test_the_slash_command_sets_the_threshold_too(simcord_env: Any) -> None:
    channel, alice = meet(simcord_env, MANAGER)
    answered = await alice.slash(channel, "threshold", value="0.75")
    assert answered.response.content == ("Done. This server now shows tags scored above 0.75.")


@pytest.mark.simcord(check_errors=False)  # the refusal is an error of the command
async def test_members_cannot_set_the_threshold(simcord_env: Any) -> None:
    channel, alice = meet(simcord_env)
    refusal = "You need the Manage Server permission to do this."
    await alice.send(channel, "!threshold 0.1")
    assert channel.last_message.content == refusal
    answered = await alice.slash(channel, "threshold", value="0.1")
    assert answered.response.content == refusal
    assert answered.ephemeral
    await alice.send(channel, "!threshold")
    assert channel.last_message.content == "This server shows tags scored above 0.5."


async def test_an_invalid_threshold_is_refused(simcord_env: Any) -> None:
    channel, alice = meet(simcord_env, MANAGER)
    await alice.send(channel, "!threshold @everyone")
    assert channel.last_message.content.startswith("**\\@everyone** isn't a valid threshold")
    assert not channel.last_message.mention_everyone


async def test_each_server_has_its_own_threshold(simcord_env: Any) -> None:
    channel, alice = meet(simcord_env, MANAGER)
    await alice.send(channel, "!threshold 0.9")
    elsewhere, bob = meet(simcord_env)
    await bob.send(elsewhere, "!threshold")
    assert elsewhere.last_message.content == "This server shows tags scored above 0.5."
