"""A private message about a clip is sent once, although the bot is killed while it is sent."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from loopback_discord import NoResponse

if TYPE_CHECKING:
    from loopback_discord import LoopbackDiscord
    from tests.processes.running_bot import Programs

pytestmark = pytest.mark.process


async def test_an_alert_is_sent_once_although_the_bot_is_killed(
    discord: LoopbackDiscord, programs: Programs
) -> None:
    guild = next(iter(discord.state.guilds.values()))
    people = [guild.add_member(name) for name in ("bob", "zoe")]
    first, second = (discord.state.dm_channel(person.user) for person in people)
    async with programs.started() as program:
        for person in people:
            asked = await person.slash(programs.channel, "notify add", query="cat")
            await asked.wait_for_response()
        # Discord sends the first message, but the bot doesn't learn of it.
        discord.faults.add("POST", f"/channels/{first.id}/messages", NoResponse())
        await programs.answer(await programs.post())
        told = await discord.wait_for_message(first, timeout=30)
        await programs.kill(program)
    async with programs.running():
        await discord.wait_for_message(second, timeout=30)
        assert list(first.messages.values()) == [told]
