"""A real clip, a person who looks for what it shows, and the button that ends the alert."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.chat.test_report_buttons import Chat, bot, chat

if TYPE_CHECKING:
    from loopback_discord import Member

__all__ = ["bot", "chat"]  # fixtures
pytestmark = pytest.mark.asyncio(loop_scope="module")


async def say(chat: Chat, who: Member, command: str, **options: str) -> str:
    asked = await who.slash(chat.channel, f"notify {command}", **options)
    return (await asked.wait_for_response()).content


async def test_a_person_finds_a_clip_in_their_private_messages_and_stops_the_alert(
    chat: Chat,
) -> None:
    bob = chat.guild.add_member("bob", locale="de")
    private = chat.discord.state.dm_channel(bob.user)
    assert "**cat -dog**" in await say(chat, bob, "add", query="cat -dog")
    posted, _reply = await chat.posted()
    told = await chat.discord.wait_for_message(private, timeout=30)
    assert told.content.startswith("Ein neuer Clip auf **")
    assert f"{chat.channel.id}/{posted.id}" in told.content
    assert " cat ." in told.content
    ((stop,),) = (row["components"] for row in told.components)
    assert stop["label"] == "Diese Benachrichtigung beenden"
    for sentence in ("Ich habe diese Benachrichtigung beendet", "wurde schon beendet"):
        pressed = await bob.click(told, stop["custom_id"])
        assert sentence in (await pressed.wait_for_response()).content
    assert "noch keine Benachrichtigungen" in await say(chat, bob, "list")
