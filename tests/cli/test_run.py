"""The whole bot, as a process, against a Discord and a Clarifai on loopback."""

from __future__ import annotations

import hashlib
import json
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

from bot.chat.responder import REFUSED
from bot.storage.database import Database
from bot.storage.posted_clips import PostedClip, PostedClipStore
from tests.conftest import CLIPS
from tests.processes.programs import (
    TOKEN,
    Program,
    answer_to,
    clarifai_settings,
    settings_for,
    started,
)
from tests.stand_ins import clarifai_replies as replies
from tests.stand_ins.clarifai import LoopbackClarifai
from tests.stand_ins.discord import LoopbackDiscord, Member, Message, Permission

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from tests.stand_ins.discord import Channel

pytestmark = [pytest.mark.process, pytest.mark.asyncio(loop_scope="module")]
CAT = (CLIPS / "montage.gif").read_bytes()
CITY = (CLIPS / "city.mp4").read_bytes()


class Scene:
    """A Discord with a channel, somebody in it, and the bot at work."""

    def __init__(
        self, discord: LoopbackDiscord, program: Program, channel: Channel | None = None
    ) -> None:
        self.discord = discord
        self.program = program
        self.guild = next(iter(discord.world.guilds.values()))
        self.channel: Channel = channel or self.guild.channels[0]
        self.ann = self.guild.add_member("ann")

    def elsewhere(self) -> Scene:
        """Return the same bot in a channel of its own, with somebody it has not met."""
        name = f"videos-{len(self.guild.channels)}"
        return Scene(self.discord, self.program, self.guild.add_text_channel(name))

    async def reply_to(self, message: Message) -> Message:
        return await answer_to(self.discord, message, 20)


@asynccontextmanager
async def scene(
    tmp_path: Path,
    data_dir: Path,
    *,
    privileged_content: bool = True,
    settings: dict[str, str] | None = None,
    fresh: bool = False,
) -> AsyncIterator[Scene]:
    async with LoopbackDiscord(TOKEN, privileged_content=privileged_content) as discord:
        discord.add_guild("Cats").add_text_channel("videos")
        environment = {**settings_for(discord, data_dir), **(settings or {})}
        async with started(environment, tmp_path, fresh=fresh) as program:
            await discord.wait_ready()
            yield Scene(discord, program)
            assert await program.stop() == 0, program.log
        assert discord.unknown_routes == []
        assert TOKEN not in program.log
        assert "Traceback" not in program.log, program.log


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def bot(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Scene]:
    """Run one bot with the local tagger for all tests that leave it as it was."""
    folder = tmp_path_factory.mktemp("bot")
    async with scene(folder, folder / "data", fresh=True) as opened:
        yield opened


@pytest.fixture
def at_work(bot: Scene) -> Scene:
    return bot.elsewhere()


def shows_cat(content: str, name: str = "montage.gif") -> bool:
    return content.startswith(f"**{name}** · 16 s · above 0.5\n") and "cat ." in content


async def test_every_way_in_gets_its_reply(at_work: Scene) -> None:
    discord, channel, ann = at_work.discord, at_work.channel, at_work.ann
    posted = await ann.post(channel, "my cat", files=[("cat.gif", CAT, "image/gif")])
    reply = await at_work.reply_to(posted)
    assert shows_cat(reply.content, "cat.gif")
    link = posted.attachments[0].url
    for text, about in (
        (link, None),
        (f"!tags {link}", None),
        (f"!tags <{link}>", None),
        ("!tags", posted),
    ):
        asked = await ann.post(channel, text, reply_to=about)
        assert shows_cat((await at_work.reply_to(asked)).content, "cat.gif"), text
    with_file = await ann.post(channel, "!tags", files=[("cat.gif", CAT, "image/gif")])
    assert shows_cat((await at_work.reply_to(with_file)).content, "cat.gif")
    for interaction in (
        await ann.slash(channel, "tags", url=link),
        await ann.slash(channel, "tags", file=("cat.gif", CAT, "image/gif")),
        await ann.use_context_menu(channel, "Tag this video", posted),
    ):
        assert shows_cat((await interaction.wait_for_response(20)).content, "cat.gif")
    assert len([m for m in discord.replies_to(posted) if m.author is discord.bot]) == 1


async def test_one_message_gets_one_reply_whatever_its_clips(at_work: Scene) -> None:
    files = [("cat.gif", CAT, "image/gif"), ("city.mp4", CITY, "video/mp4")]
    posted = await at_work.ann.post(at_work.channel, "both", files=files)
    reply = await at_work.reply_to(posted)
    assert shows_cat(reply.content, "cat.gif")
    assert "\n\n**city.mp4** · 8 s" in reply.content
    assert len(at_work.discord.replies_to(posted)) == 1


async def test_what_was_noticed_is_refused_by_a_reaction_and_what_was_asked_in_words(
    at_work: Scene,
) -> None:
    files = [("broken.mp4", b"not a clip at all", "video/mp4")]
    noticed = await at_work.ann.post(at_work.channel, "", files=files)
    await at_work.discord.wait_for_reaction(noticed, REFUSED, timeout=20)
    assert at_work.discord.replies_to(noticed) == []
    asked = await at_work.ann.post(at_work.channel, "!tags", reply_to=noticed)
    reply = await at_work.reply_to(asked)
    assert reply.content == (
        "**broken.mp4** · This is a text; I read MP4, MOV, MKV, WebM, AVI, OGG and GIF."
    )


async def test_what_models_say_mentions_nobody_and_formats_nothing(
    tmp_path: Path, data_dir: Path
) -> None:
    async with LoopbackClarifai() as clarifai:
        clarifai.serve(replies.frames({0: {"@everyone <@1> **b**": 0.99}}))
        settings = clarifai_settings(clarifai)
        async with scene(tmp_path, data_dir, settings=settings) as opened:
            posted = await opened.ann.post(opened.channel, "", files=[("a.mp4", CITY, "video/mp4")])
            reply = await opened.reply_to(posted)
    assert r"\@everyone \<\@1\> \*\*b\*\* .99" in reply.content
    assert not reply.mention_everyone
    assert reply.mentions == []


async def test_what_people_call_their_clips_mentions_nobody_and_formats_nothing(
    at_work: Scene,
) -> None:
    link = "http://127.0.0.1:1/%40everyone%20%3C%401%3E%20%2A%2Ab%2A%2A.mp4"
    asked = await at_work.ann.post(at_work.channel, f"!tags {link}")
    slash = await at_work.ann.slash(at_work.channel, "tags", url=link)
    for answer in (await at_work.reply_to(asked), await slash.wait_for_response(20)):
        assert answer.content.startswith(r"**\@everyone \<\@1\> \*\*b\*\*.mp4** · ")
        assert not answer.mention_everyone
        assert answer.mentions == []


async def test_what_does_not_fit_a_message_is_attached_whole(
    tmp_path: Path, data_dir: Path
) -> None:
    names = [f"something with a long name, number {number}" for number in range(40)]
    async with LoopbackClarifai() as clarifai:
        clarifai.serve(replies.frames({at: dict.fromkeys(names[at:], 0.99) for at in range(8)}))
        settings = clarifai_settings(clarifai)
        async with scene(tmp_path, data_dir, settings=settings) as opened:
            posted = await opened.ann.post(opened.channel, "", files=[("a.mp4", CITY, "video/mp4")])
            link = posted.attachments[0].url
            slash = await opened.ann.slash(opened.channel, "tags", url=link)
            for answer in (await opened.reply_to(posted), await slash.wait_for_response(20)):
                assert len(answer.content) <= 2000
                attached = answer.attachments[0]
                assert attached.filename == "tags.txt"
                assert all(name in attached.content.decode() for name in names)


async def test_an_interaction_whose_token_ran_out_is_answered_in_the_channel(
    at_work: Scene,
) -> None:
    posted = await at_work.ann.post(at_work.channel, "", files=[("cat.gif", CAT, "image/gif")])
    await at_work.reply_to(posted)
    link = posted.attachments[0].url
    slash = await at_work.ann.slash(at_work.channel, "tags", url=f"{link}&again")
    await slash.wait_for_acknowledgement()
    slash.expire()
    answer = await at_work.discord.wait_for_message(
        at_work.channel, matching=lambda message: message.reference is None, timeout=20
    )
    assert shows_cat(answer.content, "cat.gif")


async def test_a_channel_the_bot_may_not_write_to_costs_a_line_of_log_and_no_work(
    at_work: Scene,
) -> None:
    at_work.channel.deny_bot(Permission.SEND_MESSAGES)
    posted = await at_work.ann.post(at_work.channel, "", files=[("cat.gif", CAT, "image/gif")])
    await at_work.program.wait_for_line("clip not answered")
    lines = [json.loads(line) for line in at_work.program.log.splitlines() if "not answ" in line]
    assert [line["reason"] for line in lines] == [
        "I can't answer here: I need the permission Send Messages."
    ]
    assert posted.attachments[0].downloads == 0


async def test_a_message_deleted_meanwhile_is_not_answered(at_work: Scene) -> None:
    posted = await at_work.ann.post(at_work.channel, "", files=[("cat.gif", CAT, "image/gif")])
    await at_work.ann.delete(posted)
    later = await at_work.ann.post(at_work.channel, "", files=[("city.mp4", CITY, "video/mp4")])
    await at_work.reply_to(later)
    assert [m for m in at_work.channel.messages.values() if m.author is at_work.discord.bot] == [
        await at_work.reply_to(later)
    ]


async def test_what_is_older_than_it_may_get_goes_as_the_bot_starts(
    tmp_path: Path, data_dir: Path
) -> None:
    long_ago = datetime.now(UTC) - timedelta(days=366)
    async with Database.open(f"sqlite:///{data_dir / 'framehound.sqlite'}") as database:
        store = PostedClipStore(database)
        await store.add([PostedClip(1, "sha256:01", 100, 10, 51, long_ago)])
        async with scene(tmp_path, data_dir) as opened:
            await opened.program.wait_for_line('"purged"')
        assert await store.count(51) == 0


async def test_a_replayed_message_is_answered_once(at_work: Scene) -> None:
    posted = await at_work.ann.post(at_work.channel, "", files=[("cat.gif", CAT, "image/gif")])
    at_work.discord.redeliver(posted)
    await at_work.reply_to(posted)
    at_work.discord.send_reconnect(repeat=1)
    await at_work.discord.wait_ready()
    later = await at_work.ann.post(at_work.channel, "", files=[("city.mp4", CITY, "video/mp4")])
    await at_work.reply_to(later)
    assert len(at_work.discord.replies_to(posted)) == 1


async def test_without_the_message_content_intent_it_starts_and_says_so_once(
    tmp_path: Path, data_dir: Path
) -> None:
    async with scene(tmp_path, data_dir, privileged_content=False) as opened:
        said = [line for line in opened.program.log.splitlines() if "content intent" in line]
        assert len(said) == 1
        assert json.loads(said[0])["level"] == "warning"
        posted = await opened.ann.post(opened.channel, "", files=[("cat.gif", CAT, "image/gif")])
        menu = await opened.ann.use_context_menu(opened.channel, "Tag this video", posted)
        assert shows_cat((await menu.wait_for_response(20)).content, "cat.gif")
        slash = await opened.ann.slash(opened.channel, "threshold")
        assert "above 0.5" in (await slash.wait_for_response()).content
        assert opened.discord.replies_to(posted) == []


async def test_a_wrong_token_is_one_line_and_exit_code_2(tmp_path: Path, data_dir: Path) -> None:
    async with LoopbackDiscord("another-token") as discord:
        settings = settings_for(discord, data_dir)
        async with started(settings, tmp_path) as program:
            assert await program.exit_code() == 2
    assert program.log == "DISCORD_TOKEN: Discord does not accept this token\n"
    assert len(discord.requests) == 1


async def test_clarifai_is_asked_once_for_a_clip_whoever_reposts_it_at_whatever_threshold(
    tmp_path: Path, data_dir: Path
) -> None:
    async with LoopbackClarifai() as clarifai:
        settings = clarifai_settings(clarifai)
        async with scene(tmp_path, data_dir, settings=settings) as opened:
            boss: Member = opened.guild.add_member("boss", Permission.MANAGE_GUILD)
            first = await opened.ann.post(
                opened.channel, "", files=[("beer.mp4", CITY, "video/mp4")]
            )
            reply = await opened.reply_to(first)
            heading = "**beer.mp4** · 8 s · above 0.94\n"
            assert reply.content.startswith(f"{heading}`0:00–0:02` drink .98 · glass .97 · ")
            await boss.post(opened.channel, "!threshold 0.98")
            again = await boss.post(opened.channel, "", files=[("x.mp4", CITY, "video/mp4")])
            assert "above 0.98\n`0:00–0:03` drink .98\n" in (await opened.reply_to(again)).content
    assert [call.sha256 for call in clarifai.calls] == [hashlib.sha256(CITY).hexdigest()]
    assert clarifai.violations == []
