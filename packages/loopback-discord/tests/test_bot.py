"""A discord.py bot with two shards logs in and is used: messages, commands, faults, limits."""

from __future__ import annotations

import asyncio
import io
from typing import TYPE_CHECKING, Any

import aiohttp
import discord
import pytest

from discord_env import TOKEN, DiscordEnv, open_env
from loopback_discord import (
    CallbackType,
    Disconnect,
    NoResponse,
    Permission,
    Upload,
    cloudflare_ban,
    rate_limited,
    server_error,
)
from sample_bot import SampleBot, make_intents

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

CLIP = b"not really a clip" * 100


async def test_a_reply_with_a_file_arrives_unchanged(env: DiscordEnv, bot: SampleBot) -> None:
    clip = Upload("my cat.mp4", CLIP, "video/mp4", width=320, duration_secs=2.5)
    message = await env.ann.post(env.channel, "look", files=[clip])
    reply = await env.discord.wait_for_message(env.channel, reply_to=message)
    assert reply.content == f"{len(CLIP)} @everyone"
    assert (reply.attachments[0].content, reply.attachments[0].description) == (CLIP, "a copy")
    assert (reply.mentions, reply.mention_everyone) == ([], False)
    received = (await bot.received.get()).attachments[0]
    assert (received.filename, received.content_type) == ("my_cat.mp4", "video/mp4")
    assert (received.width, received.height, received.duration) == (320, None, 2.5)


@pytest.mark.usefixtures("bot")
async def test_a_nonce_is_used_for_only_one_message(env: DiscordEnv) -> None:
    message = await env.ann.post(env.channel, files=[("cat.mp4", CLIP)])
    # The bot reacts after it has sent both replies.
    assert await env.discord.wait_for_reaction(message) == "👀"
    assert len(env.discord.replies_to(message)) == 1
    posts = env.discord.request_log.matching("POST", f"/channels/{env.channel.id}/messages")
    assert [(post.status, len(post.files)) for post in posts] == [(200, 1), (200, 1)]


async def test_each_guild_belongs_to_one_shard(env: DiscordEnv, bot: SampleBot) -> None:
    ben, other = env.first.add_member("ben"), env.first.add_text_channel("general")
    for member, channel in ((ben, other), (env.ann, env.channel)):
        await member.post(channel, f"in {channel.name}")
    received = [await bot.received.get() for _ in range(2)]
    assert {message.content for message in received} == {"in general", "in videos"}
    sent = {session.shard: "".join(session.sent) for session in env.discord.gateway.connected()}
    assert ("in general" in sent[0, 2], "in videos" in sent[0, 2]) == (True, False)
    assert ("in general" in sent[1, 2], "in videos" in sent[1, 2]) == (False, True)


async def test_the_bot_receives_and_answers_direct_messages(
    env: DiscordEnv, bot: SampleBot
) -> None:
    message = await env.ann.dm("psst", files=[("cat.mp4", CLIP)])
    assert (await bot.received.get()).guild is None
    reply = await env.discord.wait_for_message(message.channel)
    assert reply.replies_to(message)


@pytest.mark.usefixtures("bot")
async def test_a_slash_command_defers_edits_and_follows_up(env: DiscordEnv) -> None:
    used = await env.ann.slash(env.channel, "size", file=("cat.mp4", CLIP), unit="B")
    assert (await used.wait_for_response()).content == f"{len(CLIP)} B"
    assert (used.callback, used.response) == (CallbackType.DEFERRED_CHANNEL_MESSAGE, used.original)
    followup = await used.wait_for_followup()
    assert (followup.content, followup.ephemeral) == ("that was all", True)


@pytest.mark.usefixtures("bot")
async def test_members_use_only_commands_they_may_use(env: DiscordEnv) -> None:
    manager = env.second.add_member("max", permissions=Permission.MANAGE_GUILD)
    used = await manager.slash(env.channel, "threshold", value=0.5)
    assert (await used.wait_for_response()).content == "now 0.5"
    with pytest.raises(PermissionError):
        await env.ann.slash(env.channel, "threshold", value=0.5)
    with pytest.raises(LookupError, match=r"missing \{'value'\}"):
        await manager.slash(env.channel, "threshold")
    with pytest.raises(LookupError, match="registered"):
        await manager.slash(env.channel, "thresholds")
    with pytest.raises(LookupError, match=r"needs a subcommand, one of \['show'\]"):
        await manager.slash(env.channel, "privacy")
    await manager.slash(env.channel, "privacy show")
    with pytest.raises(LookupError, match="not offered here"):
        await manager.slash(env.discord.state.dm_channel(manager.user), "privacy show")


@pytest.mark.usefixtures("bot")
async def test_a_button_updates_its_message(env: DiscordEnv) -> None:
    message = await (await env.ann.slash(env.channel, "ask")).wait_for_response()
    clicked = await env.ann.click(message, "press")
    assert await clicked.wait_for_response() is message
    assert (message.content, message.components) == ("pressed", [])
    with pytest.raises(LookupError, match="no enabled button"):
        await env.ann.click(message, "press")


async def test_context_menus_have_content_without_the_intent(env: DiscordEnv) -> None:
    async with env.running(SampleBot(make_intents(content=False))) as bot:
        message = await env.ann.post(env.channel, "look", files=[("cat.mp4", CLIP)])
        received = await bot.received.get()
        assert (received.content, received.attachments) == ("", [])
        used = await env.ann.use_context_menu(env.channel, "Tag this video", message)
        assert (await used.wait_for_response()).content == "look: cat.mp4"
        await env.ann.post(env.channel, f"{env.discord.bot.mention} look")
        assert (await bot.received.get()).content.endswith("look")


@pytest.mark.usefixtures("bot")
async def test_discord_py_waits_after_a_429(env: DiscordEnv) -> None:
    env.discord.faults.add("POST", r"/channels/\d+/messages", rate_limited(0.02))
    message = await env.ann.post(env.channel, files=[("cat.mp4", CLIP)])
    await env.discord.wait_for_reaction(message)
    posts = env.discord.request_log.matching("POST", f"/channels/{env.channel.id}/messages")
    assert [post.status for post in posts] == [429, 200, 200]


async def test_a_cloudflare_ban_is_an_error(env: DiscordEnv, bot: SampleBot) -> None:
    env.discord.faults.add("POST", r"/channels/\d+/messages", cloudflare_ban())
    with pytest.raises(discord.HTTPException, match="429"):
        await bot.get_partial_messageable(env.channel.id).send("hello")


async def test_discord_py_retries_after_a_500(env: DiscordEnv, bot: SampleBot) -> None:
    env.discord.faults.add("POST", r"/channels/\d+/messages", server_error())
    await bot.get_partial_messageable(env.channel.id).send("hello")
    posts = env.discord.request_log.matching("POST", f"/channels/{env.channel.id}/messages")
    assert [post.status for post in posts] == [500, 200]


@pytest.mark.parametrize(("perform", "posted"), [(True, ["hello"]), (False, [])])
async def test_a_request_can_be_left_without_a_response(
    env: DiscordEnv, bot: SampleBot, *, perform: bool, posted: list[str]
) -> None:
    channel = bot.get_partial_messageable(env.channel.id)
    for fault in (NoResponse(perform), Disconnect(perform)):
        env.discord.faults.add("POST", r"/channels/\d+/messages", fault)
        with pytest.raises((TimeoutError, aiohttp.ServerDisconnectedError)):
            await asyncio.wait_for(channel.send("hello", nonce="one"), 0.1)
    assert [message.content for message in env.channel.messages.values()] == posted


async def test_op_7_resumes_and_repeats_events(env: DiscordEnv, bot: SampleBot) -> None:
    await env.ann.post(env.channel, "once")
    assert (await bot.received.get()).content == "once"
    env.discord.send_reconnect(repeat=1)
    assert (await bot.received.get()).content == "once"
    assert (env.discord.gateway.resumes, len(env.discord.gateway.identifies)) == (2, 2)


async def test_events_of_a_lost_connection_arrive_later(env: DiscordEnv, bot: SampleBot) -> None:
    env.discord.drop_connections()
    await env.ann.post(env.channel, "meanwhile")
    assert (await bot.received.get()).content == "meanwhile"
    assert len(env.discord.gateway.identifies) == 2


async def test_op_9_makes_the_bot_identify_again(env: DiscordEnv, bot: SampleBot) -> None:
    lost = set(env.discord.gateway.sessions)
    env.discord.invalidate_session()
    await env.discord.wait_ready()
    await env.ann.post(env.channel, "again")
    assert (await bot.received.get()).content == "again"
    assert not lost & set(env.discord.gateway.sessions)


@pytest.mark.usefixtures("env")
async def test_a_wrong_token_is_refused() -> None:
    async with SampleBot() as bot:
        with pytest.raises(discord.LoginFailure):
            await bot.login("wrong")


async def test_the_message_content_intent_must_be_granted(monkeypatch: pytest.MonkeyPatch) -> None:
    async with open_env(monkeypatch, content_granted=False):
        with pytest.raises(discord.PrivilegedIntentsRequired):
            await SampleBot().start(TOKEN)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"content": "x" * 2001}, "2000 or fewer"),
        ({"embeds": [discord.Embed(description="x" * 4000)] * 2}, "maximum size of 6000"),
        ({"content": ""}, "empty message"),
    ],
)
async def test_messages_beyond_the_limits_are_refused(
    env: DiscordEnv, bot: SampleBot, body: dict[str, Any], message: str
) -> None:
    channel = bot.get_partial_messageable(env.channel.id)
    with pytest.raises(discord.HTTPException, match=message):
        await channel.send(**body)
    assert not env.channel.messages


async def test_buttons_beyond_the_limits_are_refused(env: DiscordEnv, bot: SampleBot) -> None:
    channel = bot.get_partial_messageable(env.channel.id)
    duplicates = discord.ui.View()
    for _ in range(2):
        duplicates.add_item(discord.ui.Button(custom_id="same", label="x"))
    with pytest.raises(discord.HTTPException, match="Duplicated"):
        await channel.send("x", view=duplicates)
    long = discord.ui.View().add_item(discord.ui.Button(custom_id="x", label="x" * 81))
    with pytest.raises(discord.HTTPException, match="between 0 and 80"):
        await channel.send("x", view=long)


async def test_denied_permissions_cause_errors(env: DiscordEnv, bot: SampleBot) -> None:
    message = await env.ann.post(env.channel, "look")
    channel = bot.get_partial_messageable(env.channel.id)
    denials: dict[Permission, Callable[[], Awaitable[object]]] = {
        Permission.SEND_MESSAGES: lambda: channel.send("hello"),
        Permission.ATTACH_FILES: lambda: channel.send(file=discord.File(io.BytesIO(CLIP), "c")),
        Permission.READ_MESSAGE_HISTORY: lambda: channel.fetch_message(message.id),
        Permission.ADD_REACTIONS: lambda: channel.get_partial_message(message.id).add_reaction(
            "👀"
        ),
    }
    for permission, act in denials.items():
        env.channel.deny_bot(permission)
        with pytest.raises(discord.Forbidden) as error:
            await act()
        assert error.value.code == 50013
        env.channel.allow_bot(permission)
        await act()
    env.channel.deny_bot(Permission.VIEW_CHANNEL)
    with pytest.raises(discord.Forbidden) as error:
        await channel.send("hello")
    assert error.value.code == 50001


async def test_deleted_messages_and_files_are_not_found(env: DiscordEnv, bot: SampleBot) -> None:
    message = await env.ann.post(env.channel, "look", files=[("cat.mp4", CLIP)])
    fetched = await bot.get_partial_messageable(env.channel.id).fetch_message(message.id)
    await env.ann.delete(message)
    with pytest.raises(discord.NotFound) as error:
        await fetched.fetch()
    assert error.value.code == 10008
    with pytest.raises(discord.NotFound):
        await fetched.attachments[0].read()
    with pytest.raises(discord.HTTPException, match="Unknown message"):
        await fetched.reply("too late")


async def test_history_has_pages(env: DiscordEnv, bot: SampleBot) -> None:
    posted = [await env.ann.post(env.channel, str(number)) for number in range(5)]
    history = bot.get_partial_messageable(env.channel.id).history
    middle = discord.Object(posted[2].id)
    assert [m.content async for m in history(limit=2)] == ["4", "3"]
    assert [m.content async for m in history(before=middle)] == ["1", "0"]
    assert [m.content async for m in history(after=middle)] == ["3", "4"]
    assert {m.content async for m in history(around=middle, limit=3)} == {"1", "2", "3"}


async def test_late_embeds_forwards_and_edits_reach_the_bot(
    env: DiscordEnv, bot: SampleBot
) -> None:
    message = await env.ann.post(env.channel, "https://example.com/cat.mp4")
    await bot.received.get()
    changes: asyncio.Queue[discord.RawMessageUpdateEvent] = asyncio.Queue()
    bot.add_listener(changes.put, "on_raw_message_edit")
    env.discord.unfurl(message, [{"type": "video", "video": {"url": "https://example.com/v"}}])
    assert (await changes.get()).message.embeds[0].video.url == "https://example.com/v"
    await env.ann.edit(message, "never mind")
    assert (await changes.get()).message.content == "never mind"
    await env.ann.forward(env.channel, message)
    assert (await bot.received.get()).message_snapshots[0].content == "never mind"


async def test_expired_urls_are_renewed_with_the_message(env: DiscordEnv, bot: SampleBot) -> None:
    message = await env.ann.post(env.channel, files=[("cat.mp4", CLIP)])
    channel = bot.get_partial_messageable(env.channel.id)
    old = await channel.fetch_message(message.id)
    message.attachments[0].expire()
    with pytest.raises(discord.Forbidden):
        await old.attachments[0].read()
    fresh = await channel.fetch_message(message.id)
    assert await fresh.attachments[0].read() == CLIP
