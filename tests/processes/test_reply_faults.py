"""Answers that Discord accepts late or never: one reply, or one log line."""

from __future__ import annotations

import asyncio
import json
from contextlib import AsyncExitStack
from dataclasses import replace
from itertools import pairwise
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import discord
import pytest

from bot.chat.responder import DiscordResponder
from bot.domain.clip import Clip
from bot.domain.job import Interaction, Job
from bot.jobs.queue import JobQueue
from bot.jobs.workflow import JobTimeouts
from loopback_discord import (
    CannedResponse,
    Disconnect,
    LoopbackDiscord,
    NoResponse,
    Permission,
    cloudflare_ban,
    rate_limited,
    server_error,
)
from loopback_discord.discord_py import redirect_discord_py
from tests.processes.programs import TOKEN, answer_to, clarifai_settings
from tests.processes.running_bot import CAT_FILE, RunningBot, running_bot
from tests.stand_ins.clarifai import LoopbackClarifai
from tests.stand_ins.clarifai_judge import TOKEN as CLARIFAI_TOKEN

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from bot.domain.job import Reply
    from bot.domain.settings import GuildSettings
    from bot.render.report import Report
    from loopback_discord import Channel, Message
    from tests.conftest import ClipHost

pytestmark = pytest.mark.process

SENDING = r"/channels/\d+/messages"
PAUSE = 0.01


class TimedResponder(DiscordResponder):
    """Records when each attempt began, and can time out the current one."""

    def __init__(self, client: discord.Client) -> None:
        super().__init__(client)
        self.began: list[float] = []
        self._timeout = asyncio.timeout(None)

    async def answer(
        self,
        job: Job,
        report: Report,
        settings: GuildSettings,
        *,
        earlier: Reply | None,
        again: bool,
    ) -> Reply | None:
        self.began.append(asyncio.get_running_loop().time())
        async with asyncio.timeout(None) as self._timeout:
            return await super().answer(job, report, settings, earlier=earlier, again=again)

    def time_out(self) -> None:
        self._timeout.reschedule(0)


class AnsweringQueue:
    """A queue with short pauses, answering through discord.py on a Discord with one channel."""

    def __init__(self, loopback: LoopbackDiscord, clip: Clip) -> None:
        self.discord = loopback
        self.guild = loopback.add_guild("Cats")
        self.channel = self.guild.add_text_channel("videos")
        self.ann = self.guild.add_member("ann")
        self._clip = clip
        self._stack = AsyncExitStack()

    async def open(self, app: Any, database: Path) -> None:
        client = await self._stack.enter_async_context(
            discord.Client(intents=discord.Intents.none())
        )
        await client.login(TOKEN)
        self.responder = TimedResponder(client)
        jobs = JobQueue(f"sqlite:///{database}", "one", timeouts=JobTimeouts(first_pause=PAUSE))
        self._intake = await self._stack.enter_async_context(jobs.accepting())
        await self._stack.enter_async_context(jobs.working(app.services.answerer, self.responder))

    async def close(self) -> None:
        """Let every job end."""
        await self._stack.aclose()

    async def submit_message(self) -> Message:
        message = await self.ann.post(self.channel, "a clip")
        await self._submit(f"message-{message.id}", message_id=message.id)
        return message

    async def submit_command(self) -> None:
        """Submit the job of a slash command whose token has expired."""
        await self._submit("interaction-1", interaction=Interaction(1, "run-out"))

    async def reply_to(self, message: Message) -> Message:
        return await answer_to(self.discord, message)

    def sent(self) -> list[Message]:
        return [m for m in self.channel.messages.values() if m.author is self.discord.bot]

    async def _submit(self, name: str, **where: Any) -> None:
        guild, channel = self.guild.id, self.channel.id
        await self._intake.submit(Job(name, channel, (self._clip,), guild_id=guild, **where))


def attempts(loopback: LoopbackDiscord, channel: Channel) -> list[int | None]:
    """Return the status of every request to send a message in the channel."""
    path = f"/channels/{channel.id}/messages"
    return [request.status for request in loopback.request_log.matching("POST", path)]


@pytest.fixture
async def clarifai() -> AsyncIterator[LoopbackClarifai]:
    async with LoopbackClarifai() as opened:
        yield opened


@pytest.fixture
async def queue(
    clarifai: LoopbackClarifai,
    tmp_path: Path,
    clip_host: ClipHost,
    make_config: Callable[..., Any],
    open_app: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
) -> AsyncIterator[AnsweringQueue]:
    app = await open_app(make_config(clarifai_pat=CLARIFAI_TOKEN, clarifai_api_url=clarifai.url))
    async with LoopbackDiscord(TOKEN) as loopback:
        redirect_discord_py(loopback, monkeypatch)
        opened = AnsweringQueue(loopback, Clip("montage.gif", clip_host.url("montage.gif")))
        try:
            await opened.open(app, tmp_path / "jobs.sqlite")
            yield opened
        finally:
            await opened.close()
        assert loopback.unknown_routes == []


async def test_a_429_from_discord_or_cloudflare_is_retried(
    queue: AnsweringQueue,
) -> None:
    for fault in (rate_limited(PAUSE), rate_limited(PAUSE, is_global=True), cloudflare_ban()):
        queue.discord.faults.add("POST", SENDING, fault)
    posted = await queue.submit_message()
    await queue.reply_to(posted)
    await queue.close()
    assert queue.sent() == queue.discord.replies_to(posted)
    assert attempts(queue.discord, queue.channel) == [429, 429, 429, 200]
    # discord.py retries Discord's 429; it raises Cloudflare's, and the queue retries.
    assert len(queue.responder.began) == 2


async def test_answers_are_retried_through_ten_minutes_of_server_errors(
    queue: AnsweringQueue,
) -> None:
    # discord.py raises a 503 at once, and a 500 after five attempts.
    queue.discord.faults.add("POST", SENDING, server_error(503), times=7)
    posted = await queue.submit_message()
    await queue.reply_to(posted)
    await queue.close()
    assert queue.sent() == queue.discord.replies_to(posted)
    assert attempts(queue.discord, queue.channel) == [*[503] * 7, 200]
    doublings = [2**number for number in range(7)]
    pauses = [later - earlier for earlier, later in pairwise(queue.responder.began)]
    assert all(pause >= PAUSE * by for pause, by in zip(pauses, doublings, strict=True))
    assert sum(JobTimeouts().first_pause * by for by in doublings) >= 600


async def test_four_internal_errors_are_retried_by_discord_py(
    queue: AnsweringQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    pauses: list[float] = []

    async def note_pause(seconds: float) -> None:
        pauses.append(seconds)
        await asyncio.sleep(0)

    without_pauses = SimpleNamespace(**{**vars(asyncio), "sleep": note_pause})
    monkeypatch.setattr("discord.http.asyncio", without_pauses)
    queue.discord.faults.add("POST", SENDING, server_error(500), times=4)
    posted = await queue.submit_message()
    await answer_to(queue.discord, posted)
    assert attempts(queue.discord, queue.channel) == [*[500] * 4, 200]
    # A pause of no length is for a rate limit that has just ended.
    assert [pause for pause in pauses if pause] == [1, 3, 5, 7]
    assert len(queue.responder.began) == 1


async def test_a_reaction_that_discord_refuses_is_given_up(queue: AnsweringQueue) -> None:
    posted = await queue.ann.post(queue.channel, "a clip")
    job = Job("message-1", queue.channel.id, (), guild_id=queue.guild.id, message_id=posted.id)
    full = b'{"code": 30010, "message": "Maximum number of reactions reached (20)"}'
    reacting = r"/channels/\d+/messages/\d+/reactions/.*"
    headers = {"Content-Type": "application/json"}
    queue.discord.faults.add("PUT", reacting, CannedResponse(400, full, headers))
    await queue.responder.refuse(job)
    queue.discord.faults.add("PUT", reacting, server_error(503))
    with pytest.raises(discord.DiscordServerError):
        await queue.responder.refuse(job)


async def test_renewing_a_link_is_retried(queue: AnsweringQueue) -> None:
    posted = await queue.ann.post(queue.channel, "", files=[CAT_FILE])
    old = Clip("cat.gif", posted.attachments[0].url, message_id=posted.id)
    posted.attachments[0].expire()
    job = Job("message-1", queue.channel.id, (old,), guild_id=queue.guild.id, message_id=posted.id)
    reading = r"/channels/\d+/messages/\d+"
    queue.discord.faults.add("GET", reading, server_error(503))
    fresh = await queue.responder.renew(job, old)
    assert fresh is not None
    assert fresh.location != old.location
    other = replace(old, location=f"{old.location.partition('?')[0]}x?ex=1")
    assert await queue.responder.renew(job, other) is None
    await queue.ann.delete(posted)
    assert await queue.responder.renew(job, old) is None


async def test_a_reply_whose_response_was_lost_is_not_posted_again(queue: AnsweringQueue) -> None:
    queue.discord.faults.add("POST", SENDING, Disconnect(perform=True))
    cut_off = await queue.submit_message()
    await queue.reply_to(cut_off)
    queue.discord.expire_nonces()
    queue.discord.faults.add("POST", SENDING, NoResponse(perform=True))
    timed_out = await queue.submit_message()
    await queue.reply_to(timed_out)
    queue.responder.time_out()
    queue.discord.expire_nonces()
    queue.discord.faults.add("POST", SENDING, Disconnect(perform=True))
    # Without a message no reply can be looked for, so only the nonce prevents a second one.
    await queue.submit_command()
    await queue.discord.wait_until(lambda: len(queue.sent()) == 3, "third answer")
    await queue.close()
    replied_to = [message.reference and message.reference.message for message in queue.sent()]
    assert replied_to == [cut_off, timed_out, None]
    assert attempts(queue.discord, queue.channel) == [None, None, None, 200]
    assert len(queue.responder.began) == 6


@pytest.fixture
async def bot(
    clarifai: LoopbackClarifai, tmp_path: Path, data_dir: Path
) -> AsyncIterator[RunningBot]:
    async with running_bot(tmp_path, data_dir, settings=clarifai_settings(clarifai)) as opened:
        yield opened


async def post_and_start(bot: RunningBot, name: str) -> Message:
    """Post a clip in a new channel, and wait until its job runs."""
    message = await bot.ann.post(bot.guild.add_text_channel(name), "", files=[CAT_FILE])
    (clip,) = message.attachments
    download = f"download of the clip in #{name}"
    await bot.discord.wait_until(lambda: clip.downloads > 0, download)
    return message


async def test_an_impossible_answer_is_tried_once_and_logged_in_one_line(
    bot: RunningBot,
) -> None:
    locked = await post_and_start(bot, "locked")
    locked.channel.deny_bot(Permission.SEND_MESSAGES)
    hidden = await post_and_start(bot, "hidden")
    hidden.channel.deny_bot(Permission.VIEW_CHANNEL)
    # The bot gets no event for these two; after an event it would not even try.
    torn_down = await post_and_start(bot, "torn-down")
    del bot.discord.state.channels[torn_down.channel.id]
    deleted = await post_and_start(bot, "deleted")
    del deleted.channel.messages[deleted.id]
    elsewhere = await bot.ann.post(bot.channel, "", files=[CAT_FILE])
    await bot.reply_to(elsewhere)
    # Running jobs may finish, so an answer that is to be retried would be.
    assert await bot.program.stop() == 0
    lines = [json.loads(line) for line in bot.program.log.splitlines()]
    for message, status, level, code in (
        (locked, 403, "warning", 50013),
        (hidden, 403, "warning", 50001),
        (torn_down, 404, "warning", 10003),
        (deleted, 400, "info", 50035),
    ):
        assert attempts(bot.discord, message.channel) == [status]
        said = [line for line in lines if line.get("job") == f"message-{message.id}"]
        assert [(line["level"], line["code"]) for line in said] == [(level, code)]
