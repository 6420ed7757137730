"""Buttons of another version, or with an ID that names nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import discord
import pytest

if TYPE_CHECKING:
    from bot.chat.client import FramehoundBot

EXPIRED = "This button doesn't work any more. Use the command again."
HUGE = "9" * 25


@pytest.mark.simcord(check_errors=False)
@pytest.mark.parametrize(
    "custom_id",
    [
        "fh1:nonsense:message-1:5000:0",
        "fh9:lower:message-1:5000:0",
        "search2:zzzzzzzzzzzzzzzzz::::::1",
        "search2:1:zzzzzzzzzzzzzzzzz:::::1",
        f"index:start:{HUGE}",
        "settings:nonsense:autotag",
        "settings:page:nonsense",
        "settings:choose:autotag",
        "settings:on:channels_allowed",
        "of another bot",
    ],
)
async def test_a_button_that_cannot_be_read_is_answered_and_leaves_no_error_in_the_log(
    simcord_env: Any,
    simcord_bot: FramehoundBot,
    caplog: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
    custom_id: str,
) -> None:
    guild = simcord_env.create_guild()
    role = guild.create_role("manager", permissions=discord.Permissions(manage_guild=True))
    ann = guild.add_member(simcord_env.create_user("ann"), roles=[role])
    channel = guild.create_text_channel("general")
    view = discord.ui.View(timeout=None)
    view.add_item(discord.ui.Button(label="x", custom_id=custom_id))
    view.stop()
    await simcord_bot.get_partial_messageable(channel.id).send("x", view=view)
    pressed = await ann.click(channel.last_message, custom_id=custom_id)
    assert pressed.response.content == EXPIRED
    assert pressed.ephemeral
    assert "Traceback" not in caplog.text + capsys.readouterr().out


async def test_numbers_that_no_report_has_are_answered(
    simcord_env: Any, simcord_bot: FramehoundBot
) -> None:
    guild = simcord_env.create_guild()
    ann = guild.add_member(simcord_env.create_user("ann"))
    channel = guild.create_text_channel("general")
    custom_id = f"fh1:lower:message-{HUGE}:{HUGE}:{HUGE}"
    view = discord.ui.View(timeout=None)
    view.add_item(discord.ui.Button(label="x", custom_id=custom_id))
    view.stop()
    await simcord_bot.get_partial_messageable(channel.id).send("x", view=view)
    pressed = await ann.click(channel.last_message, custom_id=custom_id)
    assert "I've forgotten what's in this clip" in pressed.followups[0].content
