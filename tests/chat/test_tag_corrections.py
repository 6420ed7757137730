"""*That tag is wrong*: who may hide a tag of a clip, and where it is gone then."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from bot.chat.buttons import Action
from bot.errors import CorrectionNotAllowed
from loopback_discord import Permission
from tests.chat.test_report_buttons import CAT, Chat, bot, chat

if TYPE_CHECKING:
    from loopback_discord import Member, Message

__all__ = ["bot", "chat"]  # fixtures
pytestmark = pytest.mark.asyncio(loop_scope="module")


async def list_tags(chat: Chat, who: Member, reply: Message) -> Message:
    pressed = await chat.press(who, reply, Action.ALL_TAGS)
    return await pressed.wait_for_response()


def menus(listed: Message) -> dict[str, Any]:
    """Return the menus under a list of tags by their action."""
    parts = [part for row in listed.components for part in row["components"]]
    return {part["custom_id"].split(":")[1]: part for part in parts if part["type"] == 3}


async def choose(chat: Chat, who: Member, listed: Message, action: str, tag: str) -> None:
    menu, before = menus(listed)[action], listed.content
    (value,) = [each["value"] for each in menu["options"] if each["label"] == tag]
    await who.choose(listed, menu["custom_id"], value)
    await chat.discord.wait_until(lambda: listed.content != before, "the list without the tag")


async def exported(chat: Chat, reply: Message) -> dict[str, str]:
    pressed = await chat.press(chat.ann, reply, Action.EXPORT)
    handed = await pressed.wait_for_response()
    return {file.filename: file.content.decode() for file in handed.attachments}


async def test_the_poster_hides_a_wrong_tag_and_shows_it_again(chat: Chat) -> None:
    _posted, reply = await chat.posted()
    assert "cat" in reply.content
    listed = await list_tags(chat, chat.ann, reply)
    assert set(menus(listed)) == {"hide"}
    await choose(chat, chat.ann, listed, "hide", "cat")
    assert "\ncat " not in listed.content

    await chat.press(chat.ann, reply, Action.RAISE)
    await chat.discord.wait_until(lambda: "above 0.6" in reply.content, "the reply again")
    words = reply.content.replace("cat.gif", "").replace("Siamese cat", "")
    assert " cat " not in words
    files = await exported(chat, reply)
    tags = {segment["tag"] for segment in json.loads(files["tags.json"])["segments"]}
    assert "cat" not in tags
    assert '"cat"' not in files["cat.gif.html"]
    found = await (await chat.ann.slash(chat.channel, "find", tag="cat")).wait_for_response()
    assert "Nothing" in found.content or "couldn't find" in found.content, found.content

    _again, repost = await chat.posted()
    assert " cat " not in repost.content.replace("Siamese cat", "")
    await choose(chat, chat.ann, listed, "show", "cat")
    assert "\ncat " in listed.content
    assert set(menus(listed)) == {"hide"}


async def test_only_moderators_and_the_poster_may_hide_tags(chat: Chat) -> None:
    _posted, reply = await chat.posted()
    bob, mo = chat.guild.add_member("bob"), chat.guild.add_member("mo", Permission.MANAGE_MESSAGES)
    assert menus(await list_tags(chat, bob, reply)) == {}
    listed = await list_tags(chat, mo, reply)
    mo.roles.clear()  # between the list and the choice
    menu = menus(listed)["hide"]
    refused = await mo.choose(listed, menu["custom_id"], menu["options"][0]["value"])
    await chat.discord.wait_until(lambda: bool(refused.followups), "a refusal")
    assert refused.followups[0].content == str(CorrectionNotAllowed())


async def test_another_server_keeps_the_tag_and_the_operator_gets_a_count(chat: Chat) -> None:
    _posted, reply = await chat.posted()
    await choose(chat, chat.ann, await list_tags(chat, chat.ann, reply), "hide", "cat")
    elsewhere = chat.discord.add_guild()
    zoe, channel = elsewhere.add_member("zoe"), elsewhere.add_text_channel("videos")
    assert " cat " in (await chat.reply_to(await zoe.post(channel, files=[CAT]))).content

    operator = elsewhere.add_member("operator")
    chat.discord.state.owner = operator.user
    for person, is_told in ((zoe, False), (operator, True)):
        said = await (await person.slash(channel, "about")).wait_for_response()
        assert ("tags as wrong" in said.content or "one tag as wrong" in said.content) is is_told
