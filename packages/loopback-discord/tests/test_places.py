"""Places of the loopback Discord besides a server's text channel, and what is filled in there."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import discord
import pytest

from tests.stand_ins.discord import Permission

if TYPE_CHECKING:
    from tests.stand_ins.conftest import Scene
    from tests.stand_ins.discord import Channel
    from tests.stand_ins.discord.sample_bot import SampleBot


@pytest.mark.usefixtures("bot")
async def test_selects_offer_what_the_app_would(scene: Scene) -> None:
    other = scene.second.add_voice_channel("talk")
    asked = await scene.ann.slash(scene.channel, "panel")
    message = await asked.wait_for_response()
    assert message.ephemeral
    await (await scene.ann.click(message, "numbers", values=["two", "one"])).wait_for_response()
    assert message.content == "two, one"
    await (await scene.ann.click(message, "place", values=[scene.channel])).wait_for_response()
    assert message.content == "videos"
    with pytest.raises(ValueError, match="3 chosen, not 1 to 2"):
        await scene.ann.click(message, "numbers", values=["one", "two", "three"])
    with pytest.raises(ValueError, match="not one of"):
        await scene.ann.click(message, "numbers", values=["four"])
    with pytest.raises(TypeError, match="not offered there"):
        await scene.ann.click(message, "place", values=[other])


@pytest.mark.usefixtures("bot")
async def test_a_modal_is_filled_in_part_by_part(scene: Scene) -> None:
    role = scene.second.add_role("Cats")
    asked = await scene.ann.slash(scene.channel, "panel")
    message = await asked.wait_for_response()
    opened = await scene.ann.click(message, "more")
    await opened.wait_for_modal()
    with pytest.raises(ValueError, match="one must be chosen"):
        await scene.ann.submit(opened, {"roles": [role]})
    chosen = {"roles": [role], "radio": "b", "check": True, "files": [("cat.txt", b"miau")]}
    sent = await scene.ann.submit(opened, chosen)
    assert (await sent.wait_for_response()).content == "('as it stood', ['Cats'], 'b', True, [4])"


async def test_components_beyond_the_limits_are_refused(scene: Scene, bot: SampleBot) -> None:
    channel = bot.get_partial_messageable(scene.channel.id)
    twice = discord.ui.View()
    for _ in range(2):
        twice.add_item(discord.ui.Button(custom_id="same", label="x"))
    with pytest.raises(discord.HTTPException, match="Duplicated"):
        await channel.send("x", view=twice)
    long = discord.ui.View().add_item(discord.ui.Button(custom_id="x", label="x" * 81))
    with pytest.raises(discord.HTTPException, match="between 0 and 80"):
        await channel.send("x", view=long)


async def test_messages_are_heard_wherever_people_write(scene: Scene, bot: SampleBot) -> None:
    guild, ann = scene.second, scene.ann
    posted = await ann.post(scene.channel, "first")
    thread = await ann.open_thread(posted)
    secret = scene.channel.add_thread("secret", private=True, members=(ann,))
    await ann.post(secret, "unheard")
    for place in (thread, guild.add_voice_channel("talk")):
        await ann.post(place, f"in {place.name}")
    post = await ann.open_post(guild.add_forum("forum"), "a post", "in a post")
    heard = [await bot.heard.get() for _ in range(5)]
    starter = discord.MessageType.thread_starter_message
    assert [message.content for message in heard if message.type is not starter] == [
        "first",
        "in about it",
        "in talk",
        "in a post",
    ]
    assert [type(message.channel).__name__ for message in heard[1:]] == [
        "Thread",
        "Thread",
        "VoiceChannel",
        "Thread",
    ]
    assert post.id == post.channel.id == heard[-1].channel.id


async def test_a_thread_is_opened_once_from_a_message(scene: Scene, bot: SampleBot) -> None:
    message = await scene.ann.post(scene.channel, "look")
    kept = await bot.heard.get()
    made = await kept.create_thread(name="tags")
    assert made.id == message.id
    await made.send("in there", silent=True)
    assert message.thread is not None
    reply = await scene.discord.wait_for_message(
        message.thread, matching=lambda found: found.content == "in there"
    )
    assert reply.silent
    with pytest.raises(discord.HTTPException) as refused:
        await kept.create_thread(name="again")
    assert refused.value.code == 160004
    other = await scene.ann.post(scene.second.add_voice_channel("talk"), "look")
    with pytest.raises(discord.HTTPException) as refused:
        await bot.http.start_thread_with_message(
            other.channel.id, other.id, name="x", auto_archive_duration=60
        )
    assert refused.value.code == 50024
    scene.channel.deny_bot(Permission.CREATE_PUBLIC_THREADS)
    another = await scene.ann.post(scene.channel, "look")
    with pytest.raises(discord.Forbidden):
        await bot.http.start_thread_with_message(
            scene.channel.id, another.id, name="x", auto_archive_duration=60
        )


async def test_deletions_are_told_one_by_one_and_in_bulk(scene: Scene, bot: SampleBot) -> None:
    told: asyncio.Queue[set[int]] = asyncio.Queue()

    async def one(event: discord.RawMessageDeleteEvent) -> None:
        await told.put({event.message_id})

    async def many(event: discord.RawBulkMessageDeleteEvent) -> None:
        await told.put(event.message_ids)

    bot.add_listener(one, "on_raw_message_delete")
    bot.add_listener(many, "on_raw_bulk_message_delete")
    first, *others = [await scene.ann.post(scene.channel, str(number)) for number in range(3)]
    await scene.ann.delete(first)
    await scene.ann.purge(others)
    assert [await told.get(), await told.get()] == [{first.id}, {m.id for m in others}]


async def test_overwrites_count_for_members_too(scene: Scene, bot: SampleBot) -> None:
    guild, role = scene.second, scene.second.add_role("Staff")
    hidden = guild.add_text_channel("staff")
    everyone = guild.roles[guild.id]
    hidden.deny(everyone, Permission.VIEW_CHANNEL)
    hidden.allow(role, Permission.VIEW_CHANNEL)
    ben = guild.add_member("ben")
    ben.roles.append(role)
    assert [bool(hidden.permissions_of(who)) for who in (scene.ann, ben)] == [False, True]
    await ben.post(hidden, "unheard")
    hidden.allow(guild.me, Permission.VIEW_CHANNEL)
    await ben.post(hidden, "heard")
    heard = await bot.heard.get()
    assert heard.content == "heard"
    assert isinstance(heard.author, discord.Member)
    assert isinstance(heard.channel, discord.TextChannel)
    assert [item.name for item in heard.author.roles] == ["@everyone", "Staff"]
    assert heard.channel.permissions_for(heard.author).view_channel


async def test_joining_is_told_once_with_the_system_channel(scene: Scene, bot: SampleBot) -> None:
    joined: asyncio.Queue[discord.Guild] = asyncio.Queue()
    bot.add_listener(joined.put, "on_guild_join")
    scene.discord.drop()
    guild = scene.discord.add_guild("New", system_channel="general")
    heard = await joined.get()
    assert heard.system_channel is not None
    assert (heard.id, heard.system_channel.name) == (guild.id, "general")
    await heard.system_channel.send("hello")
    assert guild.system_channel is not None
    await scene.discord.wait_for_message(guild.system_channel)
    left: asyncio.Queue[discord.Guild] = asyncio.Queue()
    bot.add_listener(left.put, "on_guild_remove")
    guild.kick_bot()
    assert (await left.get()).id == guild.id
    with pytest.raises(discord.Forbidden):
        await heard.system_channel.send("hello?")


async def test_what_people_installed_works_where_the_bot_is_not(
    scene: Scene, bot: SampleBot
) -> None:
    told: asyncio.Queue[discord.Interaction] = asyncio.Queue()
    bot.add_listener(told.put, "on_interaction")
    away = scene.discord.add_foreign_guild()
    channel = away.add_text_channel("elsewhere")
    eve, ned = away.add_member("eve", installed=True, locale="fr"), away.add_member("ned")
    await eve.post(channel, "unheard")
    with pytest.raises(LookupError, match="not offered here"):
        await ned.slash(channel, "panel")
    places: list[Channel] = [channel, scene.discord.add_group(eve, ned)]
    for place, context in zip(places, ("guild", "private_channel"), strict=True):
        asked = await eve.slash(place, "panel")
        heard = await told.get()
        assert getattr(heard.context, context)
        assert (heard.is_user_integration(), heard.is_guild_integration()) == (True, False)
        assert (heard.locale, heard.app_permissions.send_messages) == (discord.Locale.french, False)
        assert (await asked.wait_for_response()).content == "choose"
        with pytest.raises(discord.Forbidden):
            await bot.get_partial_messageable(place.id).send("hello")
    assert away.id not in {guild.id for guild in bot.guilds}
    assert bot.heard.empty()
