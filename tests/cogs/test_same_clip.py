"""*Find this clip*: other messages with the same clip, as far as the person may see them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from tests.cogs.searchable_clips import message_at, post, tagging
from tests.cogs.test_search import shut
from tests.domain.test_perceptual_hash import made

if TYPE_CHECKING:
    from bot.chat.client import FramehoundBot

SAME = {"fingerprint": "sha256:same"}
NOTHING = "I haven't seen this clip anywhere else that you can see."


async def find(person: Any, here: Any, message: Any) -> str:
    answered = await person.context_menu(here, "Find this clip", message)
    assert answered.ephemeral
    return str(answered.followups[0].content if answered.followups else answered.response.content)


async def test_the_same_clip_is_found_where_the_person_may_see_it(
    simcord_env: Any, simcord_bot: FramehoundBot
) -> None:
    guild = simcord_env.create_guild()
    channel = guild.create_text_channel("general")
    staff = guild.create_text_channel("staff", overwrites=shut(guild))
    alice = guild.add_member(simcord_env.create_user("alice"))
    message = await alice.send(channel, "look")
    assert await find(alice, channel, message) == NOTHING
    await post(simcord_bot, message.id, channel, {"cat": 0.9}, **SAME)
    await post(simcord_bot, message_at(1), staff, {"cat": 0.9}, **SAME)
    assert await find(alice, channel, message) == NOTHING
    await post(simcord_bot, message_at(2), channel, {"cat": 0.9}, **SAME)
    await post(simcord_bot, message_at(3), channel, {"cat": 0.9})
    await simcord_bot.app.stores.opt_outs.add(52)
    await post(simcord_bot, message_at(4), channel, {"cat": 0.9}, **SAME, author_id=52)
    heading, *lines = (await find(alice, channel, message)).splitlines()
    assert heading == "The same clip is in:"
    link = f"https://discord.com/channels/{guild.id}/{channel.id}/{message_at(2)}"
    assert [line.split(" · ")[:2] for line in lines] == [
        [f"[this message](<{link}>)", f"<#{channel.id}>"]
    ]


async def test_a_re_encoded_copy_is_found_too(simcord_env: Any, simcord_bot: FramehoundBot) -> None:
    guild = simcord_env.create_guild()
    channel = guild.create_text_channel("general")
    alice = guild.add_member(simcord_env.create_user("alice"))
    message = await alice.send(channel, "look")
    for number, scene in ((message.id, 0), (message_at(1), 0), (message_at(2), 1)):
        found = replace(tagging(f"sha256:{number}", {}), perceptual_hash=made(1, scene=scene))
        await simcord_bot.app.stores.taggings.save(found)
        await post(simcord_bot, number, channel, fingerprint=f"sha256:{number}")
    _, *lines = (await find(alice, channel, message)).splitlines()
    assert [str(message_at(1)) in line for line in lines] == [True]
