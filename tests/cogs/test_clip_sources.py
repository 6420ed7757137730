"""Every way a clip comes, through a Discord on loopback."""

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


class Place:
    """A server with somebody in it who posts, and what became a job."""

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
        """Return the next job there is."""
        async with asyncio.timeout(10):
            return await self.jobs.news.get()

    async def links(self) -> list[str]:
        return [clip.location for clip in (await self.job()).clips]

    async def nothing_more(self) -> None:
        """See that the next job is that of a message posted now."""
        message = await self.ann.post(self.channel, LAST)
        assert (await self.job()).message_id == message.id

    async def unfurl(self, text: str, embed: Embed) -> Message:
        message = await self.ann.post(self.channel, text)
        self.discord.unfurl(message, [embed])
        return message


@asynccontextmanager
async def a_place(folder: Path, sites: frozenset[str] = frozenset()) -> AsyncIterator[Place]:
    settings: dict[str, Any] = {"discord_token": TOKEN, "data_dir": folder, "sites": sites}
    config = DiscordConfig(_env_file=None, shard_count=1, **settings)  # type: ignore[call-arg]  # pydantic-settings' own argument
    with pytest.MonkeyPatch.context() as patch:
        async with LoopbackDiscord(TOKEN) as loopback, opened(config) as app:
            redirect_discord_py(loopback, patch)
            place = Place(loopback, RecordedJobs())
            async with FramehoundBot(app, place.jobs, message_content=True) as bot:
                place.bot, place.responder = bot, DiscordResponder(bot)
                running = asyncio.create_task(bot.start(TOKEN))
                await loopback.wait_ready()
                yield place
            await running
            assert loopback.unknown_routes == []


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def place(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Place]:
    """One for all tests, which leave it as it was."""
    async with a_place(tmp_path_factory.mktemp("ways")) as place:
        yield place


def embed(kind: str, url: str, video: str = "", **more: object) -> Embed:
    shown = {"video": {"url": video, "width": 640, "height": 480}} if video else {}
    return {"type": kind, "url": url} | shown | more


TENOR = "https://tenor.com/view/cat-dance-gif-1234"
IMGUR = "https://imgur.com/AbCdEfG"
GIPHY = "https://giphy.com/gifs/cat-abc123"
SHORT = "https://short.example/cat"
YOUTUBE = "https://www.youtube.com/watch?v=dQw4w9WgXcQ"
CDN = "https://cdn.discordapp.com/attachments/1/2/cat?ex=1&is=2&hm=3"


async def test_a_late_preview_of_real_media_makes_the_message_a_job(place: Place) -> None:
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
        message = await place.unfurl(text, preview)
        job = await place.job()
        assert [clip.location for clip in job.clips] == [media or preview["video"]["url"]]
        assert (job.message_id, job.author_id) == (message.id, place.ann.user.id)


async def test_a_preview_of_a_player_or_a_picture_is_not_a_clip(place: Place) -> None:
    await place.unfurl(
        YOUTUBE, embed("video", YOUTUBE, "https://www.youtube.com/embed/dQw4w9WgXcQ")
    )
    picture = {"url": "https://pictures.example/cat.png"}
    await place.unfurl(SHORT, embed("image", SHORT, thumbnail=picture))
    # An article may show a moving picture, and is none.
    moving = {"url": "https://pictures.example/cat.gif"}
    await place.unfurl(SHORT, embed("article", SHORT, thumbnail=moving))
    await place.nothing_more()


async def test_a_preview_and_its_link_are_one_clip(place: Place) -> None:
    gif = "https://i.imgur.com/AbCdEfG.gif"
    preview = embed("gifv", IMGUR, "https://i.imgur.com/AbCdEfG.mp4")
    await place.ann.post(place.channel, gif, embeds=[preview])
    assert await place.links() == [gif]
    await place.ann.post(
        place.channel, LINK, embeds=[embed("video", LINK, "https://x.example/1.mp4")]
    )
    assert await place.links() == [LINK]


async def test_previews_that_arrive_one_by_one_become_one_job(place: Place) -> None:
    first = embed("gifv", TENOR, "https://media.tenor.com/abcAAAPo/cat-dance.mp4")
    second = embed("video", IMGUR, "https://i.imgur.com/AbCdEfG.mp4")
    message = await place.unfurl(f"{LINK} {TENOR} {IMGUR}", first)
    place.discord.unfurl(message, [first, second])
    assert await place.links() == [LINK, first["video"]["url"], second["video"]["url"]]
    await place.nothing_more()


async def test_a_preview_that_never_comes_does_not_hold_up_other_clips(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(place.previews, "timeout", 0)
    message = await place.ann.post(place.channel, f"{LINK} {TENOR}")
    assert await place.links() == [LINK]
    await place.ann.edit(message, f"{LINK} {TENOR} again")
    await place.nothing_more()


async def test_messages_waiting_for_a_preview_are_queued_when_the_bot_stops(place: Place) -> None:
    await place.ann.post(place.channel, f"{LINK} {TENOR}")
    await place.ann.post(place.channel, LAST)
    assert await place.links() == [LAST]  # so the message before it waits by now
    await place.bot.unload_extension("cogs.autotag")
    try:
        assert await place.links() == [LINK]
    finally:
        await place.bot.load_extension("cogs.autotag")


async def test_a_clip_removed_while_previews_are_awaited_is_not_tagged(place: Place) -> None:
    message = await place.ann.post(place.channel, f"{LINK} {TENOR}")
    await place.ann.edit(message, "never mind")
    await place.nothing_more()
    assert not place.previews._held


async def test_links_to_pages_named_like_files_wait_for_their_preview(
    place: Place,
) -> None:
    short = "https://tenor.com/bCdEf.gif"
    preview = embed("gifv", short, "https://media.tenor.com/abcAAAPo/cat-dance.mp4")
    await place.unfurl(short, preview)
    assert await place.links() == [preview["video"]["url"]]


async def test_a_message_is_one_job_however_it_changes(place: Place) -> None:
    message = await place.unfurl(LINK, embed("video", LINK, LINK))
    assert await place.links() == [LINK]
    await place.ann.edit(message, f"{LINK} and https://cdn.example/dog.mp4")
    await place.nothing_more()


async def test_an_edit_that_adds_a_link_makes_the_message_a_job(place: Place) -> None:
    message = await place.ann.post(place.channel, "look")
    await place.ann.edit(message, f"look: {LINK}")
    job = await place.job()
    assert (job.id, job.clips[0].location) == (f"message-{message.id}", LINK)


async def test_an_edit_of_an_old_message_is_ignored(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    message = await place.ann.post(place.channel, "look")
    tomorrow = discord.utils.utcnow() + timedelta(days=1, minutes=1)
    monkeypatch.setattr(discord.utils, "utcnow", lambda: tomorrow)
    await place.ann.edit(message, f"look: {LINK}")
    await place.nothing_more()


async def test_spoilers_stay_spoilers(place: Place) -> None:
    texts = (f"||{LINK}|| {LAST}", f"||{TENOR}||", f"||{LINK}|| {TENOR}")
    preview = embed("gifv", TENOR, "https://media.tenor.com/abcAAAPo/cat-dance.mp4")
    found = []
    for text in texts:
        await place.ann.post(place.channel, text, embeds=[preview] if TENOR in text else [])
        found.append([clip.spoiler for clip in (await place.job()).clips])
    assert found == [[True, False], [True], [True, False]]
    await place.ann.post(place.channel, files=[Upload("SPOILER_cat.mp4", b"x", "video/mp4")])
    assert (await place.job()).clips[0].spoiler
    await place.ann.slash(place.channel, "tags", url=f"||{LINK}||")
    asked = await place.job()
    assert [(clip.location, clip.spoiler) for clip in asked.clips] == [(LINK, True)]


async def test_everything_in_a_message_is_one_job(place: Place) -> None:
    preview = embed("gifv", TENOR, "https://media.tenor.com/abcAAAPo/cat-dance.mp4")
    files = [Upload("a.mp4", b"x", "video/mp4"), Upload("b.gif", b"y", "image/gif")]
    message = await place.ann.post(
        place.channel, f"{LINK} {TENOR} <{LAST}> `{LAST}`", files=files, embeds=[preview]
    )
    first = await place.job()
    names = ["a.mp4", "b.gif", "cat.mp4", "cat-dance.mp4"]
    assert [clip.name for clip in first.clips] == names
    await place.ann.forward(place.channel, message)
    forwarded = await place.job()
    assert [clip.name for clip in forwarded.clips] == names
    assert forwarded.message_id == forwarded.clips[0].message_id != message.id


async def test_clips_are_tagged_in_every_kind_of_channel(place: Place) -> None:
    guild, ann = place.guild, place.ann
    posted = await ann.post(place.channel, "a word")
    thread = await ann.start_thread_from_message(posted, name="about it")
    # Discord says in the channel what the new thread is called, and nobody posted that.
    await ann.start_thread(place.channel, LINK)
    for posting in (
        ann.post(thread, LINK),
        ann.post(guild.add_voice_channel("talk"), LINK),
        ann.create_forum_post(guild.add_forum("forum"), "a post", LINK),
        ann.dm(LINK),
    ):
        message = await posting
        job = await place.job()
        assert (job.message_id, job.channel_id) == (message.id, message.channel.id)
        assert job.guild_id == (message.channel.guild and guild.id)


async def test_pages_of_allowed_sites_are_tagged(tmp_path: Path) -> None:
    async with a_place(tmp_path, frozenset({"youtube.com"})) as place:
        assert isinstance(place.bot.app.services.clip_tagger._fetcher, SiteFetcher)
        await place.ann.post(place.channel, SHORT)
        preview = embed("video", YOUTUBE, "https://www.youtube.com/embed/dQw4w9WgXcQ")
        message = await place.ann.post(place.channel, YOUTUBE, embeds=[preview])
        for asking in (None, place.ann.use_context_menu(place.channel, "Tag this video", message)):
            if asking:
                await asking
            (clip,) = (await place.job()).clips
            assert (clip.name, clip.location) == ("youtube.com/watch?v=dQw4w9WgXcQ", YOUTUBE)


async def test_a_user_install_works_outside_the_bots_servers(place: Place) -> None:
    away = place.discord.add_guild_without_bot()
    eve, ned = away.add_member("eve", installed=True), away.add_member("ned")
    channel, group = away.add_text_channel("elsewhere"), place.discord.add_group_dm(eve, ned)
    posted = await ned.post(channel, LINK)
    for asking in (
        eve.slash(channel, "tags", url=LINK),
        eve.use_context_menu(channel, "Tag this video", posted),
        eve.slash(group, "tags", file=("cat.mp4", b"x")),
    ):
        asked = await asking
        job = await place.job()
        assert (job.id, job.guild_id) == (f"interaction-{asked.id}", None)
        assert job.clips[0].name == "cat.mp4"
        assert asked.original is not None
        assert asked.original.loading
    with pytest.raises(LookupError, match="not offered here"):
        await eve.slash(channel, "threshold")
    await place.nothing_more()


async def test_an_answer_outside_the_bots_servers_uses_only_the_interaction(
    place: Place,
) -> None:
    away = place.discord.add_guild_without_bot()
    eve, channel = away.add_member("eve", installed=True), away.add_text_channel("elsewhere")
    asked = await eve.slash(channel, "tags", url=LINK)
    assert await place.answer(await place.job()) is not None
    given = await asked.wait_for_response()
    assert given is asked.original
    assert (given.content, given.attachments[0].content) == (ANSWER.content, b"a cat")
    assert not place.discord.request_log.matching("POST", "/channels")
    too_late = await eve.slash(channel, "tags", url=LINK)
    job = await place.job()
    too_late.expire()
    assert await place.answer(job) is None
    assert list(channel.messages.values()) == [given, too_late.original]
