"""A real ``AutoShardedBot`` logs into the loopback Discord and is used by people there."""

from __future__ import annotations

import asyncio
import io
from typing import TYPE_CHECKING, Any

import aiohttp
import discord
import pytest

from tests.stand_ins.conftest import TOKEN, Scene, a_discord
from tests.stand_ins.discord import (
    Callback,
    HangUp,
    Permission,
    Silence,
    Upload,
    banned,
    rate_limited,
    server_error,
)
from tests.stand_ins.discord.sample_bot import SampleBot, default_intents

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

CLIP = b"not really a clip" * 100


async def test_a_reply_with_a_file_reads_as_it_was_sent(scene: Scene, bot: SampleBot) -> None:
    clip = Upload("my cat.mp4", CLIP, "video/mp4", width=320, duration_secs=2.5)
    message = await scene.ann.post(scene.channel, "look", files=[clip])
    reply = await scene.discord.wait_for_message(scene.channel, reply_to=message)
    assert reply.content == f"{len(CLIP)} @everyone"
    assert (reply.attachments[0].content, reply.attachments[0].description) == (CLIP, "a copy")
    assert (reply.mentions, reply.mention_everyone) == ([], False)
    heard = (await bot.heard.get()).attachments[0]
    assert (heard.filename, heard.content_type) == ("my_cat.mp4", "video/mp4")
    assert (heard.width, heard.height, heard.duration) == (320, None, 2.5)


@pytest.mark.usefixtures("bot")
async def test_the_same_nonce_posts_one_message(scene: Scene) -> None:
    message = await scene.ann.post(scene.channel, files=[("cat.mp4", CLIP)])
    # The reaction comes after both replies.
    assert await scene.discord.wait_for_reaction(message) == "👀"
    assert len(scene.discord.replies_to(message)) == 1
    posts = scene.discord.journal.matching("POST", f"/channels/{scene.channel.id}/messages")
    assert [(post.status, len(post.files)) for post in posts] == [(200, 1), (200, 1)]


async def test_each_guild_is_heard_of_on_its_own_shard(scene: Scene, bot: SampleBot) -> None:
    ben, other = scene.first.add_member("ben"), scene.first.add_text_channel("general")
    for member, channel in ((ben, other), (scene.ann, scene.channel)):
        await member.post(channel, f"in {channel.name}")
    heard = [await bot.heard.get() for _ in range(2)]
    assert {message.content for message in heard} == {"in general", "in videos"}
    told = {session.shard: "".join(session.log) for session in scene.discord.gateway.connected()}
    assert ("in general" in told[0, 2], "in videos" in told[0, 2]) == (True, False)
    assert ("in general" in told[1, 2], "in videos" in told[1, 2]) == (False, True)


async def test_private_messages_arrive_and_are_answered(scene: Scene, bot: SampleBot) -> None:
    message = await scene.ann.dm("psst", files=[("cat.mp4", CLIP)])
    assert (await bot.heard.get()).guild is None
    reply = await scene.discord.wait_for_message(message.channel)
    assert reply.replies_to(message)


@pytest.mark.usefixtures("bot")
async def test_a_slash_command_defers_edits_and_follows_up(scene: Scene) -> None:
    asked = await scene.ann.slash(scene.channel, "size", file=("cat.mp4", CLIP), unit="B")
    assert (await asked.wait_for_response()).content == f"{len(CLIP)} B"
    assert (asked.callback, asked.response) == (Callback.DEFERRED_MESSAGE, asked.original)
    followup = await asked.wait_for_followup()
    assert (followup.content, followup.ephemeral) == ("that was all", True)


@pytest.mark.usefixtures("bot")
async def test_people_use_commands_as_the_app_lets_them(scene: Scene) -> None:
    manager = scene.second.add_member("max", permissions=Permission.MANAGE_GUILD)
    asked = await manager.slash(scene.channel, "threshold", value=0.5)
    assert (await asked.wait_for_response()).content == "now 0.5"
    with pytest.raises(PermissionError):
        await scene.ann.slash(scene.channel, "threshold", value=0.5)
    with pytest.raises(ValueError, match="not within"):
        await manager.slash(scene.channel, "threshold", value=1.5)
    with pytest.raises(LookupError, match=r"missing \{'value'\}"):
        await manager.slash(scene.channel, "threshold")
    with pytest.raises(LookupError, match="registered"):
        await manager.slash(scene.channel, "thresholds")
    with pytest.raises(LookupError, match=r"only with one of \['show'\]"):
        await manager.slash(scene.channel, "privacy")
    await manager.slash(scene.channel, "privacy show")
    with pytest.raises(LookupError, match="not offered here"):
        await manager.slash(scene.discord.world.direct_channel(manager.user), "privacy show")


@pytest.mark.usefixtures("bot")
async def test_autocomplete_buttons_and_modals_work(scene: Scene) -> None:
    typing = await scene.ann.autocomplete(scene.channel, "ask", focused="start", start="ab")
    assert await typing.wait_for_choices() == [{"name": "abab", "value": "abab"}]
    message = await (await scene.ann.slash(scene.channel, "ask")).wait_for_response()
    pressed = await scene.ann.click(message, "press")
    await pressed.wait_for_modal()
    sent = await scene.ann.submit(pressed, {"name": "Tom"})
    assert await sent.wait_for_response() is message
    assert (message.content, message.past_contents) == ("chosen: Tom", ["press"])


async def test_a_context_menu_shows_its_target_without_the_intent(scene: Scene) -> None:
    async with scene.running(SampleBot(default_intents(content=False))) as bot:
        message = await scene.ann.post(scene.channel, "look", files=[("cat.mp4", CLIP)])
        heard = await bot.heard.get()
        assert (heard.content, heard.attachments) == ("", [])
        asked = await scene.ann.use_context_menu(scene.channel, "Tag this video", message)
        assert (await asked.wait_for_response()).content == "look: cat.mp4"
        await scene.ann.post(scene.channel, f"{scene.discord.bot.mention} look")
        assert (await bot.heard.get()).content.endswith("look")


@pytest.mark.usefixtures("bot")
async def test_a_429_is_waited_out(scene: Scene) -> None:
    scene.discord.faults.add("POST", r"/channels/\d+/messages", rate_limited(0.02))
    message = await scene.ann.post(scene.channel, files=[("cat.mp4", CLIP)])
    await scene.discord.wait_for_reaction(message)
    posts = scene.discord.journal.matching("POST", f"/channels/{scene.channel.id}/messages")
    assert [post.status for post in posts] == [429, 200, 200]


async def test_a_429_from_before_discord_is_an_error(scene: Scene, bot: SampleBot) -> None:
    scene.discord.faults.add("POST", r"/channels/\d+/messages", banned())
    with pytest.raises(discord.HTTPException, match="429"):
        await bot.get_partial_messageable(scene.channel.id).send("hello")


async def test_a_500_is_tried_again(scene: Scene, bot: SampleBot) -> None:
    scene.discord.faults.add("POST", r"/channels/\d+/messages", server_error())
    await bot.get_partial_messageable(scene.channel.id).send("hello")
    posts = scene.discord.journal.matching("POST", f"/channels/{scene.channel.id}/messages")
    assert [post.status for post in posts] == [500, 200]


@pytest.mark.parametrize(("perform", "posted"), [(True, ["hello"]), (False, [])])
async def test_an_answer_that_never_comes(
    scene: Scene, bot: SampleBot, *, perform: bool, posted: list[str]
) -> None:
    channel = bot.get_partial_messageable(scene.channel.id)
    for fault in (Silence(perform), HangUp(perform)):
        scene.discord.faults.add("POST", r"/channels/\d+/messages", fault)
        with pytest.raises((TimeoutError, aiohttp.ServerDisconnectedError)):
            await asyncio.wait_for(channel.send("hello", nonce="one"), 0.1)
    assert [message.content for message in scene.channel.messages.values()] == posted


async def test_op_7_resumes_and_tells_again_what_was_told(scene: Scene, bot: SampleBot) -> None:
    await scene.ann.post(scene.channel, "once")
    assert (await bot.heard.get()).content == "once"
    scene.discord.send_reconnect(repeat=1)
    assert (await bot.heard.get()).content == "once"
    assert (scene.discord.gateway.resumes, len(scene.discord.gateway.identifies)) == (2, 2)


async def test_what_happens_while_the_line_is_cut_arrives_later(
    scene: Scene, bot: SampleBot
) -> None:
    scene.discord.drop()
    await scene.ann.post(scene.channel, "meanwhile")
    assert (await bot.heard.get()).content == "meanwhile"
    assert len(scene.discord.gateway.identifies) == 2


async def test_op_9_makes_the_bot_identify_anew(scene: Scene, bot: SampleBot) -> None:
    lost = set(scene.discord.gateway.sessions)
    scene.discord.invalidate_session()
    await scene.discord.wait_ready()
    await scene.ann.post(scene.channel, "again")
    assert (await bot.heard.get()).content == "again"
    assert not lost & set(scene.discord.gateway.sessions)


@pytest.mark.usefixtures("scene")
async def test_a_bad_token_cannot_log_in() -> None:
    async with SampleBot() as bot:
        with pytest.raises(discord.LoginFailure):
            await bot.login("wrong")


async def test_message_content_must_be_granted(monkeypatch: pytest.MonkeyPatch) -> None:
    async with a_discord(monkeypatch, content=False):
        with pytest.raises(discord.PrivilegedIntentsRequired):
            await SampleBot().start(TOKEN)


@pytest.mark.parametrize(
    ("body", "complaint"),
    [
        ({"content": "x" * 2001}, "2000 or fewer"),
        ({"embeds": [discord.Embed(description="x" * 4000)] * 2}, "maximum size of 6000"),
        ({"content": ""}, "empty message"),
    ],
)
async def test_messages_beyond_the_limits_are_refused(
    scene: Scene, bot: SampleBot, body: dict[str, Any], complaint: str
) -> None:
    channel = bot.get_partial_messageable(scene.channel.id)
    with pytest.raises(discord.HTTPException, match=complaint):
        await channel.send(**body)
    assert not scene.channel.messages


async def test_what_a_channel_denies_is_forbidden(scene: Scene, bot: SampleBot) -> None:
    message = await scene.ann.post(scene.channel, "look")
    channel = bot.get_partial_messageable(scene.channel.id)
    denials: dict[Permission, Callable[[], Awaitable[object]]] = {
        Permission.SEND_MESSAGES: lambda: channel.send("hello"),
        Permission.ATTACH_FILES: lambda: channel.send(file=discord.File(io.BytesIO(CLIP), "c")),
        Permission.READ_MESSAGE_HISTORY: lambda: channel.fetch_message(message.id),
        Permission.ADD_REACTIONS: lambda: channel.get_partial_message(message.id).add_reaction(
            "👀"
        ),
    }
    for permission, act in denials.items():
        scene.channel.deny_bot(permission)
        with pytest.raises(discord.Forbidden) as refused:
            await act()
        assert refused.value.code == 50013
        scene.channel.allow_bot(permission)
        await act()
    scene.channel.deny_bot(Permission.VIEW_CHANNEL)
    with pytest.raises(discord.Forbidden) as refused:
        await channel.send("hello")
    assert refused.value.code == 50001


async def test_what_is_gone_is_not_found(scene: Scene, bot: SampleBot) -> None:
    message = await scene.ann.post(scene.channel, "look", files=[("cat.mp4", CLIP)])
    kept = await bot.get_partial_messageable(scene.channel.id).fetch_message(message.id)
    await scene.ann.delete(message)
    with pytest.raises(discord.NotFound) as refused:
        await kept.fetch()
    assert refused.value.code == 10008
    with pytest.raises(discord.NotFound):
        await kept.attachments[0].read()
    with pytest.raises(discord.HTTPException, match="Unknown message"):
        await kept.reply("too late")


async def test_history_is_paged_from_the_newest(scene: Scene, bot: SampleBot) -> None:
    posted = [await scene.ann.post(scene.channel, str(number)) for number in range(5)]
    history = bot.get_partial_messageable(scene.channel.id).history
    middle = discord.Object(posted[2].id)
    assert [m.content async for m in history(limit=2)] == ["4", "3"]
    assert [m.content async for m in history(before=middle)] == ["1", "0"]
    assert [m.content async for m in history(after=middle)] == ["3", "4"]
    assert {m.content async for m in history(around=middle, limit=3)} == {"1", "2", "3"}


async def test_late_embeds_forwards_and_edits_reach_the_bot(scene: Scene, bot: SampleBot) -> None:
    message = await scene.ann.post(scene.channel, "https://example.com/cat.mp4")
    await bot.heard.get()
    changes: asyncio.Queue[discord.RawMessageUpdateEvent] = asyncio.Queue()
    bot.add_listener(changes.put, "on_raw_message_edit")
    scene.discord.unfurl(message, [{"type": "video", "video": {"url": "https://example.com/v"}}])
    assert (await changes.get()).message.embeds[0].video.url == "https://example.com/v"
    await scene.ann.edit(message, "never mind")
    assert (await changes.get()).message.content == "never mind"
    await scene.ann.forward(scene.channel, message)
    assert (await bot.heard.get()).message_snapshots[0].content == "never mind"


async def test_an_expired_link_is_refused_and_a_fetched_message_has_a_fresh_one(
    scene: Scene, bot: SampleBot
) -> None:
    message = await scene.ann.post(scene.channel, files=[("cat.mp4", CLIP)])
    channel = bot.get_partial_messageable(scene.channel.id)
    old = await channel.fetch_message(message.id)
    message.attachments[0].expire()
    with pytest.raises(discord.Forbidden):
        await old.attachments[0].read()
    fresh = await channel.fetch_message(message.id)
    assert await fresh.attachments[0].read() == CLIP
