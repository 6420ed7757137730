"""Channels of all types, joining and leaving guilds, and user installs."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import discord
import pytest

from loopback_discord import Permission

if TYPE_CHECKING:
    from discord_env import DiscordEnv
    from loopback_discord import Channel
    from sample_bot import SampleBot


async def test_messages_arrive_from_channels_of_all_types(env: DiscordEnv, bot: SampleBot) -> None:
    guild, ann = env.second, env.ann
    posted = await ann.post(env.channel, "first")
    thread = await ann.start_thread_from_message(posted)
    for channel in (thread, guild.add_voice_channel("talk")):
        await ann.post(channel, f"in {channel.name}")
    post = await ann.create_forum_post(guild.add_forum("forum"), "a post", "in a post")
    received = [await bot.received.get() for _ in range(5)]
    starter = discord.MessageType.thread_starter_message
    contents = [message.content for message in received if message.type is not starter]
    assert contents == ["first", "in thread", "in talk", "in a post"]
    types = [type(message.channel).__name__ for message in received[1:]]
    assert types == ["Thread", "Thread", "VoiceChannel", "Thread"]
    assert post.id == post.channel.id == received[-1].channel.id


async def test_a_thread_without_a_message_is_announced(env: DiscordEnv, bot: SampleBot) -> None:
    thread = await env.ann.start_thread(env.channel, "cats")
    received = await bot.received.get()
    assert received.type is discord.MessageType.thread_created
    assert received.content == "cats"
    await env.ann.post(thread, "in there")
    assert (await bot.received.get()).channel.id == thread.id


async def test_only_one_thread_is_started_from_a_message(env: DiscordEnv, bot: SampleBot) -> None:
    message = await env.ann.post(env.channel, "look")
    received = await bot.received.get()
    thread = await received.create_thread(name="tags")
    assert thread.id == message.id
    await thread.send("in there", silent=True)
    assert message.thread is not None
    reply = await env.discord.wait_for_message(
        message.thread, matching=lambda found: found.content == "in there"
    )
    assert reply.silent
    with pytest.raises(discord.HTTPException) as error:
        await received.create_thread(name="again")
    assert error.value.code == 160004


async def test_threads_need_a_text_channel_and_a_permission(
    env: DiscordEnv, bot: SampleBot
) -> None:
    in_voice = await env.ann.post(env.second.add_voice_channel("talk"), "look")
    with pytest.raises(discord.HTTPException) as error:
        await bot.http.start_thread_with_message(
            in_voice.channel.id, in_voice.id, name="x", auto_archive_duration=60
        )
    assert error.value.code == 50024
    env.channel.deny_bot(Permission.CREATE_PUBLIC_THREADS)
    in_text = await env.ann.post(env.channel, "look")
    with pytest.raises(discord.Forbidden):
        await bot.http.start_thread_with_message(
            env.channel.id, in_text.id, name="x", auto_archive_duration=60
        )


async def test_deletions_arrive_one_by_one_and_in_bulk(env: DiscordEnv, bot: SampleBot) -> None:
    deleted: asyncio.Queue[set[int]] = asyncio.Queue()

    async def on_deletion(event: discord.RawMessageDeleteEvent) -> None:
        await deleted.put({event.message_id})

    async def on_bulk_deletion(event: discord.RawBulkMessageDeleteEvent) -> None:
        await deleted.put(event.message_ids)

    bot.add_listener(on_deletion, "on_raw_message_delete")
    bot.add_listener(on_bulk_deletion, "on_raw_bulk_message_delete")
    first, *others = [await env.ann.post(env.channel, str(number)) for number in range(3)]
    await env.ann.delete(first)
    await env.ann.bulk_delete(others)
    assert await deleted.get() == {first.id}
    assert await deleted.get() == {message.id for message in others}


async def test_members_and_roles_arrive_with_their_messages(
    env: DiscordEnv, bot: SampleBot
) -> None:
    ben = env.second.add_member("ben")
    ben.roles.append(env.second.add_role("Staff", Permission.MANAGE_MESSAGES))
    env.channel.deny_bot(Permission.VIEW_CHANNEL)
    await ben.post(env.channel, "not received")
    env.channel.allow_bot(Permission.VIEW_CHANNEL)
    await ben.post(env.channel, "received")
    received = await bot.received.get()
    assert received.content == "received"
    assert isinstance(received.author, discord.Member)
    assert isinstance(received.channel, discord.TextChannel)
    assert [role.name for role in received.author.roles] == ["@everyone", "Staff"]
    assert received.channel.permissions_for(received.author).manage_messages


async def test_the_bot_joins_and_leaves_guilds(env: DiscordEnv, bot: SampleBot) -> None:
    joined: asyncio.Queue[discord.Guild] = asyncio.Queue()
    bot.add_listener(joined.put, "on_guild_join")
    env.discord.drop_connections()
    guild = env.discord.add_guild("New", system_channel="general")
    received = await joined.get()
    assert received.system_channel is not None
    assert (received.id, received.system_channel.name) == (guild.id, "general")
    await received.system_channel.send("hello")
    assert guild.system_channel is not None
    await env.discord.wait_for_message(guild.system_channel)
    left: asyncio.Queue[discord.Guild] = asyncio.Queue()
    bot.add_listener(left.put, "on_guild_remove")
    guild.kick_bot()
    assert (await left.get()).id == guild.id
    with pytest.raises(discord.Forbidden):
        await received.system_channel.send("hello?")


async def test_user_installs_work_without_the_bot(env: DiscordEnv, bot: SampleBot) -> None:
    interactions: asyncio.Queue[discord.Interaction] = asyncio.Queue()
    bot.add_listener(interactions.put, "on_interaction")
    guild = env.discord.add_guild_without_bot()
    channel = guild.add_text_channel("elsewhere")
    eve, ned = guild.add_member("eve", installed=True, locale="fr"), guild.add_member("ned")
    await eve.post(channel, "not received")
    with pytest.raises(LookupError, match="not offered here"):
        await ned.slash(channel, "anywhere")
    channels: list[Channel] = [channel, env.discord.add_group_dm(eve, ned)]
    for used_in, context in zip(channels, ("guild", "private_channel"), strict=True):
        used = await eve.slash(used_in, "anywhere")
        received = await interactions.get()
        assert getattr(received.context, context)
        assert received.is_user_integration()
        assert not received.is_guild_integration()
        assert received.locale is discord.Locale.french
        assert not received.app_permissions.send_messages
        assert (await used.wait_for_response()).content == "here"
        with pytest.raises(discord.Forbidden):
            await bot.get_partial_messageable(used_in.id).send("hello")
    assert guild.id not in {known.id for known in bot.guilds}
    assert bot.received.empty()
