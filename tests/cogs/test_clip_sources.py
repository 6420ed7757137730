"""Every way in which a clip arrives, through a Discord on loopback."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import discord
import pytest
import pytest_asyncio

from bot.chat.client import FramehoundBot
from bot.chat.responder import DiscordResponder
from bot.config import DiscordConfig
from bot.domain.settings import GuildSettings
from bot.media.fetch.sites import SiteFetcher
from bot.render.report import Report, ReportFile
from bot.runtime.app import opened
from loopback_discord import LoopbackDiscord, Upload
from loopback_discord.discord_py import redirect_discord_py
from tests.cogs.conftest import RecordedJobs
from tests.processes.programs import TOKEN

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from bot.domain.job import Job, Reply
    from cogs.previews import Previews
    from loopback_discord import Message

pytestmark = pytest.mark.asyncio(loop_scope="module")
LINK = "https://cdn.example/cat.mp4"
LAST = "https://cdn.example/last.mp4"
ANSWER = Report("cat.mp4: a cat", (ReportFile("tags.txt", b"a cat"),))
Embed = dict[str, Any]


class Chat:
    """A server with a channel and a member, and the jobs the bot submitted."""

    def __init__(self, loopback: LoopbackDiscord, jobs: RecordedJobs) -> None:
        self.discord = loopback
        self.guild = loopback.add_guild("Cats")
        self.channel = self.guild.add_text_channel("general")
        self.ann = self.guild.add_member("ann")
        self.bot: FramehoundBot
        self.responder: DiscordResponder
        self.jobs = jobs

    @property
    def previews(self) -> Previews:
        found: Previews = self.bot.get_cog("AutoTag")._previews  # type: ignore[union-attr]  # our cog
        return found

    async def answer(self, job: Job) -> Reply | None:
        settings = GuildSettings(0)
        return await self.responder.answer(job, ANSWER, settings, earlier=None, again=False)

    async def job(self) -> Job:
        """Return the next job."""
        async with asyncio.timeout(60):
            return await self.jobs.news.get()

    async def links(self) -> list[str]:
        return [clip.location for clip in (await self.job()).clips]

    async def nothing_more(self) -> None:
        """Check that the next job comes from a message posted now."""
        message = await self.ann.post(self.channel, LAST)
        assert (await self.job()).message_id == message.id

    async def unfurl(self, text: str, embed: Embed) -> Message:
        message = await self.ann.post(self.channel, text)
        self.discord.unfurl(message, [embed])
        return message


@asynccontextmanager
async def open_chat(folder: Path, sites: frozenset[str] = frozenset()) -> AsyncIterator[Chat]:
    settings: dict[str, Any] = {"discord_token": TOKEN, "data_dir": folder, "sites": sites}
    config = DiscordConfig(_env_file=None, shard_count=1, **settings)  # type: ignore[call-arg]  # pydantic-settings' own argument
    with pytest.MonkeyPatch.context() as patch:
        async with LoopbackDiscord(TOKEN) as loopback, opened(config) as app:
            redirect_discord_py(loopback, patch)
            chat = Chat(loopback, RecordedJobs())
            async with FramehoundBot(app, chat.jobs, message_content=True) as bot:
                chat.bot, chat.responder = bot, DiscordResponder(bot)
                running = asyncio.create_task(bot.start(TOKEN))
                await loopback.wait_ready()
                yield chat
            await running
            assert loopback.unknown_routes == []


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def chat(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Chat]:
    """One chat for all tests; they leave it unchanged."""
    async with open_chat(tmp_path_factory.mktemp("ways")) as chat:
        yield chat


def embed(kind: str, url: str, video: str = "", **more: object) -> Embed:
    shown = {"video": {"url": video, "width": 640, "height": 480}} if video else {}
    return {"type": kind, "url": url} | shown | more


TENOR = "https://tenor.com/view/cat-dance-gif-1234"
IMGUR = "https://imgur.com/AbCdEfG"
GIPHY = "https://giphy.com/gifs/cat-abc123"
SHORT = "https://short.example/cat"
YOUTUBE = "https://www.youtube.com/watch?v=dQw4w9WgXcQ"
CDN = "https://cdn.discordapp.com/attachments/1/2/cat?ex=1&is=2&hm=3"


async def test_a_preview_that_is_an_animated_picture_is_a_clip(chat: Chat) -> None:
    media = "https://gif.example/dance.webp"
    for flags in (32, 0):  # Discord's IS_ANIMATED, or a still picture
        await chat.unfurl(SHORT, embed("image", SHORT, thumbnail={"url": media, "flags": flags}))
        if flags:
            assert await chat.links() == [media]
    await chat.nothing_more()


async def test_a_late_preview_of_real_media_makes_the_message_a_job(chat: Chat) -> None:
    for text, preview, media in (
        (TENOR, embed("gifv", TENOR, "https://media.tenor.com/abcAAAPo/cat-dance.mp4"), None),
        (IMGUR, embed("video", IMGUR, "https://i.imgur.com/AbCdEfG.mp4"), None),
        (GIPHY, embed("gifv", GIPHY, "https://media2.giphy.com/media/abc123/giphy.mp4"), None),
        (SHORT, embed("video", SHORT, CDN), None),
        (
            GIPHY,
            embed(
                "gifv", GIPHY, thumbnail={"url": "https://media0.giphy.com/media/abc123/200.gif"}
            ),
            "https://media0.giphy.com/media/abc123/200.gif",
        ),
    ):
        message = await chat.unfurl(text, preview)
        job = await chat.job()
        assert [clip.location for clip in job.clips] == [media or preview["video"]["url"]]
        assert (job.message_id, job.author_id) == (message.id, chat.ann.user.id)


async def test_a_preview_of_a_player_or_a_picture_is_not_a_clip(chat: Chat) -> None:
    await chat.unfurl(YOUTUBE, embed("video", YOUTUBE, "https://www.youtube.com/embed/dQw4w9WgXcQ"))
    picture = {"url": "https://pictures.example/cat.png"}
    await chat.unfurl(SHORT, embed("image", SHORT, thumbnail=picture))
    # An article may have a moving thumbnail and still isn't a clip.
    moving = {"url": "https://pictures.example/cat.gif"}
    await chat.unfurl(SHORT, embed("article", SHORT, thumbnail=moving))
    await chat.nothing_more()


async def test_a_preview_and_its_link_are_one_clip(chat: Chat) -> None:
    gif = "https://i.imgur.com/AbCdEfG.gif"
    preview = embed("gifv", IMGUR, "https://i.imgur.com/AbCdEfG.mp4")
    await chat.ann.post(chat.channel, gif, embeds=[preview])
    assert await chat.links() == [gif]
    await chat.ann.post(
        chat.channel, LINK, embeds=[embed("video", LINK, "https://x.example/1.mp4")]
    )
    assert await chat.links() == [LINK]


async def test_previews_that_arrive_one_by_one_become_one_job(chat: Chat) -> None:
    first = embed("gifv", TENOR, "https://media.tenor.com/abcAAAPo/cat-dance.mp4")
    second = embed("video", IMGUR, "https://i.imgur.com/AbCdEfG.mp4")
    message = await chat.unfurl(f"{LINK} {TENOR} {IMGUR}", first)
    chat.discord.unfurl(message, [first, second])
    assert await chat.links() == [LINK, first["video"]["url"], second["video"]["url"]]
    await chat.nothing_more()


async def test_a_preview_that_never_comes_does_not_hold_up_other_clips(
    chat: Chat, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chat.previews, "timeout", 0)
    message = await chat.ann.post(chat.channel, f"{LINK} {TENOR}")
    assert await chat.links() == [LINK]
    await chat.ann.edit(message, f"{LINK} {TENOR} again")
    await chat.nothing_more()


async def test_messages_waiting_for_a_preview_are_queued_when_the_bot_stops(chat: Chat) -> None:
    await chat.ann.post(chat.channel, f"{LINK} {TENOR}")
    await chat.ann.post(chat.channel, LAST)
    assert await chat.links() == [LAST]  # so the bot holds the message before it by now
    await chat.bot.unload_extension("cogs.autotag")
    try:
        assert await chat.links() == [LINK]
    finally:
        await chat.bot.load_extension("cogs.autotag")


async def test_a_clip_removed_while_previews_are_awaited_is_not_tagged(chat: Chat) -> None:
    message = await chat.ann.post(chat.channel, f"{LINK} {TENOR}")
    await chat.ann.edit(message, "never mind")
    await chat.nothing_more()
    assert not chat.previews._held


async def test_a_message_deleted_while_previews_are_awaited_is_not_tagged(chat: Chat) -> None:
    message = await chat.ann.post(chat.channel, f"{LINK} {TENOR}")
    await chat.ann.post(chat.channel, LAST)
    assert await chat.links() == [LAST]  # so the bot holds the message before it by now
    await chat.ann.delete(message)
    await chat.nothing_more()  # so the bot knows of the deletion by now
    chat.previews.release()
    await chat.nothing_more()


async def test_links_to_pages_named_like_files_wait_for_their_preview(
    chat: Chat,
) -> None:
    short = "https://tenor.com/bCdEf.gif"
    preview = embed("gifv", short, "https://media.tenor.com/abcAAAPo/cat-dance.mp4")
    await chat.unfurl(short, preview)
    assert await chat.links() == [preview["video"]["url"]]


async def test_a_message_is_one_job_however_it_changes(chat: Chat) -> None:
    message = await chat.unfurl(LINK, embed("video", LINK, LINK))
    assert await chat.links() == [LINK]
    await chat.ann.edit(message, f"{LINK} and https://cdn.example/dog.mp4")
    await chat.nothing_more()


async def test_an_edit_that_adds_a_link_makes_the_message_a_job(chat: Chat) -> None:
    message = await chat.ann.post(chat.channel, "look")
    await chat.ann.edit(message, f"look: {LINK}")
    job = await chat.job()
    assert (job.id, job.clips[0].location) == (f"message-{message.id}", LINK)


async def test_an_edit_of_an_old_message_is_ignored(
    chat: Chat, monkeypatch: pytest.MonkeyPatch
) -> None:
    message = await chat.ann.post(chat.channel, "look")
    tomorrow = discord.utils.utcnow() + timedelta(days=1, minutes=1)
    monkeypatch.setattr(discord.utils, "utcnow", lambda: tomorrow)
    await chat.ann.edit(message, f"look: {LINK}")
    await chat.nothing_more()


async def test_spoilers_stay_spoilers(chat: Chat) -> None:
    texts = (f"||{LINK}|| {LAST}", f"||{TENOR}||", f"||{LINK}|| {TENOR}")
    preview = embed("gifv", TENOR, "https://media.tenor.com/abcAAAPo/cat-dance.mp4")
    found = []
    for text in texts:
        await chat.ann.post(chat.channel, text, embeds=[preview] if TENOR in text else [])
        found.append([clip.spoiler for clip in (await chat.job()).clips])
    assert found == [[True, False], [True], [True, False]]
    await chat.ann.post(chat.channel, files=[Upload("SPOILER_cat.mp4", b"x", "video/mp4")])
    assert (await chat.job()).clips[0].spoiler
    await chat.ann.slash(chat.channel, "tags", url=f"||{LINK}||")
    asked = await chat.job()
    assert [(clip.location, clip.spoiler) for clip in asked.clips] == [(LINK, True)]


async def test_everything_in_a_message_is_one_job(chat: Chat) -> None:
    preview = embed("gifv", TENOR, "https://media.tenor.com/abcAAAPo/cat-dance.mp4")
    files = [Upload("a.mp4", b"x", "video/mp4"), Upload("b.gif", b"y", "image/gif")]
    message = await chat.ann.post(
        chat.channel, f"{LINK} {TENOR} <{LAST}> `{LAST}`", files=files, embeds=[preview]
    )
    first = await chat.job()
    names = ["a.mp4", "b.gif", "cat.mp4", "cat-dance.mp4"]
    assert [clip.name for clip in first.clips] == names
    await chat.ann.forward(chat.channel, message)
    forwarded = await chat.job()
    assert [clip.name for clip in forwarded.clips] == names
    assert forwarded.message_id == forwarded.clips[0].message_id != message.id


async def test_clips_are_tagged_in_every_kind_of_channel(chat: Chat) -> None:
    guild, ann = chat.guild, chat.ann
    posted = await ann.post(chat.channel, "a word")
    thread = await ann.start_thread_from_message(posted, name="about it")
    # Discord announces the new thread in the channel; no person posted that message.
    await ann.start_thread(chat.channel, LINK)
    for posting in (
        ann.post(thread, LINK),
        ann.post(guild.add_voice_channel("talk"), LINK),
        ann.create_forum_post(guild.add_forum("forum"), "a post", LINK),
        ann.dm(LINK),
    ):
        message = await posting
        job = await chat.job()
        assert (job.message_id, job.channel_id) == (message.id, message.channel.id)
        assert job.guild_id == (message.channel.guild and guild.id)


async def test_pages_of_allowed_sites_are_tagged(tmp_path: Path) -> None:
    async with open_chat(tmp_path, frozenset({"youtube.com"})) as chat:
        assert isinstance(chat.bot.app.services.clip_tagger._fetcher, SiteFetcher)
        await chat.ann.post(chat.channel, SHORT)
        preview = embed("video", YOUTUBE, "https://www.youtube.com/embed/dQw4w9WgXcQ")
        message = await chat.ann.post(chat.channel, YOUTUBE, embeds=[preview])
        for asking in (None, chat.ann.use_context_menu(chat.channel, "Tag this video", message)):
            if asking:
                await asking
            (clip,) = (await chat.job()).clips
            assert (clip.name, clip.location) == ("youtube.com/watch?v=dQw4w9WgXcQ", YOUTUBE)


async def test_a_user_install_works_outside_the_bots_servers(chat: Chat) -> None:
    away = chat.discord.add_guild_without_bot()
    eve, ned = away.add_member("eve", installed=True), away.add_member("ned")
    channel, group = away.add_text_channel("elsewhere"), chat.discord.add_group_dm(eve, ned)
    posted = await ned.post(channel, LINK)
    for asking in (
        eve.slash(channel, "tags", url=LINK),
        eve.use_context_menu(channel, "Tag this video", posted),
        eve.slash(group, "tags", file=("cat.mp4", b"x")),
    ):
        asked = await asking
        job = await chat.job()
        assert (job.id, job.guild_id) == (f"interaction-{asked.id}", None)
        assert job.clips[0].name == "cat.mp4"
        assert asked.original is not None
        assert asked.original.loading
    with pytest.raises(LookupError, match="not offered here"):
        await eve.slash(channel, "threshold")
    await chat.nothing_more()


async def test_an_answer_outside_the_bots_servers_uses_only_the_interaction(
    chat: Chat,
) -> None:
    away = chat.discord.add_guild_without_bot()
    eve, channel = away.add_member("eve", installed=True), away.add_text_channel("elsewhere")
    asked = await eve.slash(channel, "tags", url=LINK)
    assert await chat.answer(await chat.job()) is not None
    given = await asked.wait_for_response()
    assert given is asked.original
    assert (given.content, given.attachments[0].content) == (ANSWER.content, b"a cat")
    assert not chat.discord.request_log.matching("POST", "/channels")
    too_late = await eve.slash(channel, "tags", url=LINK)
    job = await chat.job()
    too_late.expire()
    assert await chat.answer(job) is None
    assert list(channel.messages.values()) == [given, too_late.original]
