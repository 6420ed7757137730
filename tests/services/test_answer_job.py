"""A message deleted at any point of its job leaves nothing behind."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import discord
import pytest
from sqlalchemy import func, select

from bot.chat.progress_display import Pace, ProgressDisplay
from bot.chat.responder import DiscordResponder
from bot.domain.alerts import Watch
from bot.domain.clip import Clip
from bot.domain.erasure import Messages
from bot.domain.job import Job, RecordState, Reply, message_job_id
from bot.storage.tables import posted_clips
from loopback_discord import LoopbackDiscord
from loopback_discord.discord_py import redirect_discord_py
from tests.processes.programs import TOKEN
from tests.stand_ins.clarifai import LoopbackClarifai
from tests.stand_ins.clarifai_judge import TOKEN as CLARIFAI_TOKEN

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from bot.runtime.app import App
    from loopback_discord import Message
    from tests.conftest import ClipHost

AT_ONCE = Pace(react=0, message=0, change=0.01)


class Interrupted(DiscordResponder):
    """Runs a function after a reply was sent, before anything is recorded."""

    def __init__(self, client: discord.Client, pace: Pace) -> None:
        super().__init__(client, pace)
        self.while_working: Callable[[], Awaitable[Any]] | None = None
        self.when_answered: Callable[[], Awaitable[Any]] | None = None

    @asynccontextmanager
    async def show_progress(self, *args: Any, **options: Any) -> AsyncIterator[ProgressDisplay]:
        self.on_reply = options["on_reply"]
        async with super().show_progress(*args, **options) as shown:
            yield shown
            if self.while_working:
                await self.while_working()

    async def answer(self, *args: Any, **options: Any) -> Reply | None:
        reply = await super().answer(*args, **options)
        if self.when_answered:
            await self.when_answered()
        return reply


class Chat:
    """A channel, and a job for a clip that was posted there."""

    def __init__(
        self,
        app: App,
        loopback: LoopbackDiscord,
        client: discord.Client,
        clip: str,
        clarifai: LoopbackClarifai,
    ) -> None:
        self.app = app
        self.clarifai = clarifai
        self.discord = loopback
        self.client = client
        self.responder = Interrupted(client, AT_ONCE)
        self.guild = loopback.add_guild("Cats")
        self.mods = self.guild.add_text_channel("mods")
        self.channel = self.guild.add_text_channel("videos")
        self.ann = self.guild.add_member("ann")
        self._clip = clip

    async def post(self) -> Message:
        self.message = await self.ann.post(self.channel, "a clip")
        return self.message

    async def carry_out(self, *, asked_by: Message | None = None, recorded: bool = False) -> None:
        asking = asked_by or self.message
        clip = Clip("cat.gif", self._clip, message_id=self.message.id, author_id=self.ann.user.id)
        self.job = Job(
            message_job_id(asking.id),
            self.channel.id,
            (clip,),
            self.guild.id,
            asking.id,
            self.ann.user.id,
            requested=bool(asked_by),
            record=RecordState.OPEN if recorded else RecordState.NONE,
        )
        answerer = self.app.services.answerer
        if recorded:
            assert await self.app.services.job_records.begin(self.job) is RecordState.OPEN
            await self.delete()
        self.outcomes = await answerer.tag(self.job, self.responder, again=False)
        await answerer.answer(self.job, self.outcomes, self.responder, again=False)

    async def delete(self, message: Message | None = None) -> None:
        """Handle a deleted message as the bot does."""
        deleted = message or self.message
        await self.ann.delete(deleted)
        scope = Messages(frozenset({deleted.id}))
        await self.app.stores.job_records.erase(scope)
        await self.app.stores.posted_clips.erase(scope)

    async def kept(self) -> tuple[bool, int]:
        """Return whether there is a report, and the number of posted clips."""
        report = await self.app.stores.job_records.find(self.job.id)
        async with self.app.stores.database.reading() as connection:
            posted = await connection.scalar(select(func.count()).select_from(posted_clips))
        return report is not None, posted or 0

    def sent(self) -> list[str]:
        messages = self.channel.messages.values()
        return [m.content for m in messages if m.author is self.discord.bot]


@pytest.fixture
async def chat(
    clip_host: ClipHost,
    make_config: Callable[..., Any],
    open_app: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
) -> AsyncIterator[Chat]:
    async with LoopbackClarifai() as clarifai, LoopbackDiscord(TOKEN) as loopback:
        config = make_config(clarifai_pat=CLARIFAI_TOKEN, clarifai_api_url=clarifai.url)
        app = await open_app(config)
        redirect_discord_py(loopback, monkeypatch)
        async with discord.Client(intents=discord.Intents.none()) as client:
            await client.login(TOKEN)
            yield Chat(app, loopback, client, clip_host.url("montage.gif"), clarifai)
        assert loopback.unknown_routes == []


async def test_a_job_is_answered_and_recorded(chat: Chat) -> None:
    await chat.post()
    await chat.carry_out()
    (said,) = chat.sent()
    assert said.startswith("**cat.gif**")
    assert await chat.kept() == (True, 1)


async def test_the_reply_is_deleted_if_its_message_is_deleted_while_answering(chat: Chat) -> None:
    await chat.post()
    chat.responder.when_answered = chat.delete
    await chat.carry_out()
    assert chat.sent() == []
    assert await chat.kept() == (False, 0)


async def test_a_message_deleted_while_its_clip_is_tagged_leaves_nothing(chat: Chat) -> None:
    message = await chat.post()

    async def delete() -> None:
        await chat.discord.wait_for_message(chat.channel, reply_to=message)
        await chat.delete()

    chat.responder.while_working = delete
    await chat.carry_out()
    assert chat.sent() == []
    assert await chat.kept() == (False, 0)


async def test_a_request_about_a_deleted_message_is_answered(chat: Chat) -> None:
    await chat.post()
    asking = await chat.ann.post(chat.channel, "!tags")
    chat.responder = Interrupted(chat.client, Pace())
    chat.responder.while_working = chat.delete
    await chat.carry_out(asked_by=asking)
    assert chat.sent() == [
        "**cat.gif** · I've forgotten what's in this clip. Use `/tags` to tag it again."
    ]
    assert await chat.kept() == (False, 0)


async def test_a_request_that_was_dropped_is_answered(chat: Chat) -> None:
    message = await chat.post()
    clip = Clip("cat.gif", "http://a/", message_id=1)
    asked: dict[str, Any] = {"guild_id": chat.guild.id, "message_id": message.id, "requested": True}
    job = Job(message_job_id(message.id), chat.channel.id, (clip,), **asked)
    await chat.app.services.answerer.answer_erased(job, chat.responder)
    assert chat.sent() == [
        "**cat.gif** · I've forgotten what's in this clip. Use `/tags` to tag it again."
    ]


@pytest.mark.parametrize("asked", [False, True])
async def test_a_clip_deleted_while_its_job_waited_is_not_tagged(
    chat: Chat, *, asked: bool
) -> None:
    await chat.post()
    asking = await chat.ann.post(chat.channel, "!tags") if asked else None
    await chat.carry_out(asked_by=asking, recorded=True)
    answers = ["**cat.gif** · I've forgotten what's in this clip. Use `/tags` to tag it again."]
    assert chat.sent() == (answers if asked else [])
    assert await chat.kept() == (False, 0)
    assert chat.clarifai.calls == []


async def test_deleting_a_request_deletes_nothing_else(chat: Chat) -> None:
    await chat.post()
    await chat.carry_out()
    asking = await chat.ann.post(chat.channel, "!tags")
    chat.responder = Interrupted(chat.client, Pace())
    chat.responder.while_working = lambda: chat.delete(asking)
    await chat.carry_out(asked_by=asking)
    assert await chat.kept() == (False, 1)
    assert len(chat.sent()) == 1


async def test_deleted_messages_cause_no_alert(chat: Chat) -> None:
    await chat.app.stores.watches.replace(chat.guild.id, [Watch("beer", chat.mods.id)])
    await chat.post()
    await chat.carry_out()
    assert len(chat.mods.messages) == 1
    await chat.post()
    chat.responder.when_answered = chat.delete
    await chat.carry_out()
    assert len(chat.mods.messages) == 1


async def test_a_reply_that_shows_progress_is_recorded_before_the_job_is_done(chat: Chat) -> None:
    await chat.post()
    shown = Reply(chat.channel.id, 99)

    async def delete() -> None:
        await chat.responder.on_reply(shown)
        await chat.delete()

    chat.responder = Interrupted(chat.client, Pace())
    chat.responder.while_working = delete
    await chat.carry_out()
    assert await chat.app.stores.reply_deletions.newest(2) == [shown]


async def test_nothing_is_said_or_kept_of_a_person_who_opts_out_while_their_clip_is_tagged(
    chat: Chat,
) -> None:
    await chat.app.stores.watches.replace(chat.guild.id, [Watch("beer", chat.mods.id)])
    await chat.post()
    person = chat.ann.user.id
    chat.responder.while_working = lambda: chat.app.stores.opt_outs.add(person)
    await chat.carry_out()
    assert chat.sent() == []
    assert chat.mods.messages == {}
    assert await chat.kept() == (False, 0)
