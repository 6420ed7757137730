"""The bot as a process, with a Discord and a Clarifai on loopback."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

from bot.chat.responder import REFUSED
from bot.storage.database import Database
from bot.storage.guild_settings import GuildSettingsStore
from bot.storage.job_records import JobRecordStore
from bot.storage.meta import MetaStore
from bot.storage.posted_clips import PostedClip, PostedClipStore
from loopback_discord import LoopbackDiscord, Member, Permission, server_error
from tests.processes.programs import (
    TOKEN,
    clarifai_settings,
    settings_for,
    started,
)
from tests.processes.running_bot import CAT_FILE, CITY, CITY_FILE, RunningBot, running_bot
from tests.stand_ins import clarifai_replies as replies
from tests.stand_ins.clarifai import LoopbackClarifai

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path


pytestmark = [pytest.mark.process, pytest.mark.asyncio(loop_scope="module")]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared_bot(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[RunningBot]:
    """Run one bot with the local tagger for all tests that leave it unchanged."""
    folder = tmp_path_factory.mktemp("bot")
    async with running_bot(folder, folder / "data") as opened:
        yield opened


@pytest.fixture
def bot(shared_bot: RunningBot) -> RunningBot:
    return shared_bot.in_new_channel()


def shows_cat(content: str, name: str = "montage.gif") -> bool:
    return content.startswith(f"**{name}** · 16 s · tags above 0.5\n") and "cat ." in content


async def test_every_kind_of_request_gets_a_reply(bot: RunningBot) -> None:
    discord, channel, ann = bot.discord, bot.channel, bot.ann
    posted = await ann.post(channel, "my cat", files=[CAT_FILE])
    reply = await bot.reply_to(posted)
    assert shows_cat(reply.content, "cat.gif")
    link = posted.attachments[0].url
    for text, about in (
        (link, None),
        (f"!tags {link}", None),
        (f"!tags <{link}>", None),
        ("!tags", posted),
    ):
        asked = await ann.post(channel, text, reply_to=about)
        assert shows_cat((await bot.reply_to(asked)).content, "cat.gif"), text
    with_file = await ann.post(channel, "!tags", files=[CAT_FILE])
    assert shows_cat((await bot.reply_to(with_file)).content, "cat.gif")
    for interaction in (
        await ann.slash(channel, "tags", url=link),
        await ann.slash(channel, "tags", file=CAT_FILE),
        await ann.use_context_menu(channel, "Tag this video", posted),
    ):
        assert shows_cat((await interaction.wait_for_response()).content, "cat.gif")
    assert len([m for m in discord.replies_to(posted) if m.author is discord.bot]) == 1


async def test_one_message_gets_one_reply_however_many_clips_it_has(bot: RunningBot) -> None:
    files = [CAT_FILE, CITY_FILE]
    posted = await bot.ann.post(bot.channel, "both", files=files)
    reply = await bot.reply_to(posted)
    assert shows_cat(reply.content, "cat.gif")
    assert "\n\n**city.mp4** · 8 s" in reply.content
    assert len(bot.discord.replies_to(posted)) == 1


async def test_a_refused_post_gets_a_reaction_and_a_refused_request_a_sentence(
    bot: RunningBot,
) -> None:
    files = [("broken.mp4", b"not a clip at all", "video/mp4")]
    noticed = await bot.ann.post(bot.channel, "", files=files)
    await bot.discord.wait_for_reaction(noticed, REFUSED)
    assert bot.discord.replies_to(noticed) == []
    asked = await bot.ann.post(bot.channel, "!tags", reply_to=noticed)
    reply = await bot.reply_to(asked)
    assert reply.content == (
        "**broken.mp4** · I can't read text files. "
        "I can read MP4, MOV, MKV, WebM, AVI, OGG, and GIF."
    )


async def test_tag_names_cause_no_mention_and_no_formatting(tmp_path: Path, data_dir: Path) -> None:
    async with LoopbackClarifai() as clarifai:
        clarifai.serve(replies.frames({0: {"@everyone <@1> **b**": 0.99}}))
        settings = clarifai_settings(clarifai)
        async with running_bot(tmp_path, data_dir, settings=settings) as opened:
            posted = await opened.ann.post(opened.channel, "", files=[("a.mp4", CITY, "video/mp4")])
            reply = await opened.reply_to(posted)
    assert r"\@everyone \<\@1\> \*\*b\*\* .99" in reply.content
    assert not reply.mention_everyone
    assert reply.mentions == []


async def test_clip_names_cause_no_mention_and_no_formatting(
    bot: RunningBot,
) -> None:
    link = "http://127.0.0.1:1/%40everyone%20%3C%401%3E%20%2A%2Ab%2A%2A.mp4"
    asked = await bot.ann.post(bot.channel, f"!tags {link}")
    slash = await bot.ann.slash(bot.channel, "tags", url=link)
    for answer in (await bot.reply_to(asked), await slash.wait_for_response()):
        assert answer.content.startswith(r"**\@everyone \<\@1\> \*\*b\*\*.mp4** · ")
        assert not answer.mention_everyone
        assert answer.mentions == []


async def test_a_reply_too_long_for_a_message_is_attached_in_full(
    tmp_path: Path, data_dir: Path
) -> None:
    names = [f"something with a long name, number {number}" for number in range(40)]
    async with LoopbackClarifai() as clarifai:
        clarifai.serve(replies.frames({at: dict.fromkeys(names[at:], 0.99) for at in range(8)}))
        settings = clarifai_settings(clarifai)
        async with running_bot(tmp_path, data_dir, settings=settings) as opened:
            posted = await opened.ann.post(opened.channel, "", files=[("a.mp4", CITY, "video/mp4")])
            link = posted.attachments[0].url
            slash = await opened.ann.slash(opened.channel, "tags", url=link)
            for answer in (await opened.reply_to(posted), await slash.wait_for_response()):
                assert len(answer.content) <= 2000
                attached = answer.attachments[0]
                assert attached.filename == "tags.txt"
                assert all(name in attached.content.decode() for name in names)


async def test_an_interaction_with_an_expired_token_is_answered_in_the_channel(
    bot: RunningBot,
) -> None:
    posted = await bot.ann.post(bot.channel, "", files=[CAT_FILE])
    await bot.reply_to(posted)
    link = posted.attachments[0].url
    slash = await bot.ann.slash(bot.channel, "tags", url=f"{link}&again")
    await slash.wait_for_acknowledgement()
    slash.expire()
    answer = await bot.discord.wait_for_message(
        bot.channel, matching=lambda message: message.reference is None, timeout=60
    )
    assert shows_cat(answer.content, "cat.gif")


async def test_a_clip_in_a_channel_the_bot_may_not_write_to_is_logged_and_not_tagged(
    bot: RunningBot,
) -> None:
    bot.channel.deny_bot(Permission.SEND_MESSAGES)
    posted = await bot.ann.post(bot.channel, "", files=[CAT_FILE])
    await bot.program.wait_for_line("clip ignored: permissions missing")
    lines = [json.loads(line) for line in bot.program.log.splitlines() if "clip ignored" in line]
    assert [line["reason"] for line in lines] == [
        "I can't reply here. Missing permissions: Send Messages."
    ]
    assert posted.attachments[0].downloads == 0


async def test_a_message_deleted_meanwhile_is_not_answered(bot: RunningBot) -> None:
    posted = await bot.ann.post(bot.channel, "", files=[CAT_FILE])
    await bot.ann.delete(posted)
    later = await bot.ann.post(bot.channel, "", files=[CITY_FILE])
    await bot.reply_to(later)
    assert [m for m in bot.channel.messages.values() if m.author is bot.discord.bot] == [
        await bot.reply_to(later)
    ]


async def test_records_past_their_retention_are_purged_when_the_bot_starts(
    tmp_path: Path, data_dir: Path
) -> None:
    long_ago = datetime.now(UTC) - timedelta(days=366)
    async with Database.open(f"sqlite:///{data_dir / 'framehound.sqlite'}") as database:
        store = PostedClipStore(database)
        await store.add([PostedClip(1, "sha256:01", 100, 10, 51, long_ago)])
        async with running_bot(tmp_path, data_dir) as opened:
            await opened.program.wait_for_line('"expired records purged"')
        assert await JobRecordStore(database).count(51) == 0


@pytest.mark.parametrize("shared", [False, True])
async def test_servers_that_removed_the_bot_while_it_was_offline_are_erased(
    tmp_path: Path, data_dir: Path, *, shared: bool
) -> None:
    async with (
        LoopbackDiscord(TOKEN) as discord,
        Database.open(f"sqlite:///{data_dir / 'framehound.sqlite'}") as database,
    ):
        unclear, left = (discord.add_guild_without_bot(name) for name in ("Owls", "Dogs"))
        guilds = [discord.add_guild("Cats"), unclear, left]
        discord.faults.add("GET", f"/guilds/{unclear.id}", server_error(503))
        settings = GuildSettingsStore(database)
        for guild in guilds:
            await settings.update(guild.id, retention_days=30)
        if shared:  # another bot may be a member of the servers that this one isn't in
            await MetaStore(database).set("commands:7", "abc")
        async with started(settings_for(discord, data_dir), tmp_path) as program:
            await program.wait_for_line("another application" if shared else '"server erased')
            assert await program.stop() == 0, program.log
        kept = [(await settings.load(guild.id)).retention_days for guild in guilds]
        assert kept == [30, 30, 30 if shared else None]


async def test_a_replayed_message_is_answered_once(bot: RunningBot) -> None:
    posted = await bot.ann.post(bot.channel, "", files=[CAT_FILE])
    bot.discord.redeliver(posted)
    await bot.reply_to(posted)
    bot.discord.send_reconnect(repeat=1)
    await bot.discord.wait_ready()
    later = await bot.ann.post(bot.channel, "", files=[CITY_FILE])
    await bot.reply_to(later)
    assert len(bot.discord.replies_to(posted)) == 1


async def test_without_the_message_content_intent_the_bot_starts_and_logs_one_warning(
    tmp_path: Path, data_dir: Path
) -> None:
    async with running_bot(tmp_path, data_dir, content_granted=False) as opened:
        warnings = [line for line in opened.program.log.splitlines() if "content intent" in line]
        assert len(warnings) == 1
        assert json.loads(warnings[0])["level"] == "warning"
        posted = await opened.ann.post(opened.channel, "", files=[CAT_FILE])
        menu = await opened.ann.use_context_menu(opened.channel, "Tag this video", posted)
        assert shows_cat((await menu.wait_for_response()).content, "cat.gif")
        slash = await opened.ann.slash(opened.channel, "threshold")
        assert "scored above 0.5" in (await slash.wait_for_response()).content
        assert opened.discord.replies_to(posted) == []


async def test_a_wrong_token_is_one_line_and_exit_code_2(tmp_path: Path, data_dir: Path) -> None:
    async with LoopbackDiscord("another-token") as discord:
        settings = settings_for(discord, data_dir)
        async with started(settings, tmp_path) as program:
            assert await program.exit_code() == 2
    assert (
        program.log
        == "DISCORD_TOKEN: Discord rejected this token; copy it again from the Developer Portal\n"
    )
    assert len(discord.requests) == 1


async def test_a_repost_at_another_threshold_does_not_call_clarifai_again(
    tmp_path: Path, data_dir: Path
) -> None:
    async with LoopbackClarifai() as clarifai:
        settings = clarifai_settings(clarifai)
        async with running_bot(tmp_path, data_dir, settings=settings) as opened:
            boss: Member = opened.guild.add_member("boss", Permission.MANAGE_GUILD)
            first = await opened.ann.post(
                opened.channel, "", files=[("beer.mp4", CITY, "video/mp4")]
            )
            reply = await opened.reply_to(first)
            heading = "**beer.mp4** · 8 s · tags above 0.94\n"
            assert reply.content.startswith(f"{heading}`0:00–0:02` drink .98 · glass .97 · ")
            await boss.post(opened.channel, "!threshold 0.98")
            again = await boss.post(opened.channel, "", files=[("x.mp4", CITY, "video/mp4")])
            assert (
                "tags above 0.98\n`0:00–0:03` drink .98\n" in (await opened.reply_to(again)).content
            )
    assert [call.sha256 for call in clarifai.calls] == [hashlib.sha256(CITY).hexdigest()]
    assert clarifai.violations == []
