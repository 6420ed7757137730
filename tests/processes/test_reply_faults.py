"""Answers Discord does not take at once, or never: one reply in the end, or one line of log."""

from __future__ import annotations

import asyncio
import json
from contextlib import AsyncExitStack
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import discord
import pytest

from bot.chat.responder import DiscordResponder
from bot.domain.clip import Clip
from bot.domain.job import Interaction, Job
from bot.jobs.queue import JobQueue
from bot.jobs.workflow import JobTimeouts
from tests.cli.test_run import Scene, scene
from tests.conftest import CLIPS
from tests.processes.programs import TOKEN, answer_to, clarifai_settings
from tests.stand_ins.clarifai import LoopbackClarifai
from tests.stand_ins.clarifai_judge import TOKEN as CLARIFAI_TOKEN
from tests.stand_ins.discord import (
    Answer,
    HangUp,
    LoopbackDiscord,
    Permission,
    Silence,
    banned,
    rate_limited,
    server_error,
)
from tests.stand_ins.discord.sample_bot import point_discord_py_at

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from bot.domain.settings import GuildSettings
    from bot.render.report import Report
    from bot.storage.job_records import Reply
    from tests.conftest import ClipHost
    from tests.stand_ins.discord import Channel, Message

pytestmark = pytest.mark.process

CAT = ("cat.gif", (CLIPS / "montage.gif").read_bytes(), "image/gif")
SENDING = r"/channels/\d+/messages"
PAUSE = 0.01


class Watched(DiscordResponder):
    """Notes when each attempt began, and can lose patience with the one under way."""

    def __init__(self, client: discord.Client) -> None:
        super().__init__(client)
        self.began: list[float] = []
        self._patience = asyncio.timeout(None)

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
        async with asyncio.timeout(None) as self._patience:
            return await super().answer(job, report, settings, earlier=earlier, again=again)

    def lose_patience(self) -> None:
        self._patience.reschedule(0)


class Desk:
    """A queue that tries again soon, answering through discord.py on a Discord with one channel."""

    def __init__(self, loopback: LoopbackDiscord, clip: Clip) -> None:
        self.discord = loopback
        self.guild = loopback.add_guild("Cats")
        self.channel = self.guild.add_text_channel("videos")
        self.ann = self.guild.add_member("ann")
        self._clip = clip
        self._open = AsyncExitStack()

    async def open(self, app: Any, database: Path) -> None:
        client = await self._open.enter_async_context(
            discord.Client(intents=discord.Intents.none())
        )
        await client.login(TOKEN)
        self.responder = Watched(client)
        queue = JobQueue(f"sqlite:///{database}", "one", timeouts=JobTimeouts(first_pause=PAUSE))
        self._intake = await self._open.enter_async_context(queue.accepting())
        await self._open.enter_async_context(queue.working(app.answerer, self.responder))

    async def close(self) -> None:
        """Let every job come to its end."""
        await self._open.aclose()

    async def submit_message(self) -> Message:
        message = await self.ann.post(self.channel, "a clip")
        await self._submit(f"message-{message.id}", message_id=message.id)
        return message

    async def submit_command(self) -> None:
        """Submit a slash command's job whose token has run out."""
        await self._submit("interaction-1", interaction=Interaction(1, "run-out"))

    async def reply_to(self, message: Message) -> Message:
        return await answer_to(self.discord, message, 20)

    def sent(self) -> list[Message]:
        return [m for m in self.channel.messages.values() if m.author is self.discord.bot]

    async def _submit(self, name: str, **where: Any) -> None:
        guild, channel = self.guild.id, self.channel.id
        await self._intake.submit(Job(name, channel, (self._clip,), guild_id=guild, **where))


def attempts(loopback: LoopbackDiscord, channel: Channel) -> list[int | None]:
    """Return the status of every request to send a message there."""
    path = f"/channels/{channel.id}/messages"
    return [request.status for request in loopback.journal.matching("POST", path)]


@pytest.fixture
async def clarifai() -> AsyncIterator[LoopbackClarifai]:
    async with LoopbackClarifai() as opened:
        yield opened


@pytest.fixture
async def desk(
    clarifai: LoopbackClarifai,
    tmp_path: Path,
    clip_host: ClipHost,
    make_config: Callable[..., Any],
    open_app: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
) -> AsyncIterator[Desk]:
    app = await open_app(make_config(clarifai_pat=CLARIFAI_TOKEN, clarifai_api_url=clarifai.url))
    async with LoopbackDiscord(TOKEN) as loopback:
        point_discord_py_at(loopback, monkeypatch)
        opened = Desk(loopback, Clip("montage.gif", clip_host.url("montage.gif")))
        try:
            await opened.open(app, tmp_path / "jobs.sqlite")
            yield opened
        finally:
            await opened.close()
        assert loopback.unknown_routes == []


async def test_a_429_is_waited_out_whoever_says_it(desk: Desk) -> None:
    for fault in (rate_limited(PAUSE), rate_limited(PAUSE, is_global=True), banned()):
        desk.discord.faults.add("POST", SENDING, fault)
    posted = await desk.submit_message()
    await desk.reply_to(posted)
    await desk.close()
    assert desk.sent() == desk.discord.replies_to(posted)
    assert attempts(desk.discord, desk.channel) == [429, 429, 429, 200]
    # Discord's own are discord.py's to wait out; Cloudflare's, which it raises, is the queue's.
    assert len(desk.responder.began) == 2


async def test_an_answer_outlasts_ten_minutes_of_server_errors(desk: Desk) -> None:
    # discord.py passes a 503 on at once, as it does a 500 after five attempts of its own.
    desk.discord.faults.add("POST", SENDING, server_error(503), times=7)
    posted = await desk.submit_message()
    await desk.reply_to(posted)
    await desk.close()
    assert desk.sent() == desk.discord.replies_to(posted)
    assert attempts(desk.discord, desk.channel) == [*[503] * 7, 200]
    doublings = [2**number for number in range(7)]
    pauses = [later - earlier for earlier, later in pairwise(desk.responder.began)]
    assert all(pause >= PAUSE * by for pause, by in zip(pauses, doublings, strict=True))
    assert sum(JobTimeouts().first_pause * by for by in doublings) >= 600


async def test_four_internal_errors_are_waited_out(desk: Desk) -> None:
    # These discord.py tries again by itself, over some fifteen seconds: the queue hears of none.
    desk.discord.faults.add("POST", SENDING, server_error(500), times=4)
    posted = await desk.submit_message()
    await answer_to(desk.discord, posted, 40)
    assert attempts(desk.discord, desk.channel) == [*[500] * 4, 200]
    assert len(desk.responder.began) == 1


async def test_a_reaction_discord_will_not_take_is_let_go(desk: Desk) -> None:
    posted = await desk.ann.post(desk.channel, "a clip")
    job = Job("message-1", desk.channel.id, (), guild_id=desk.guild.id, message_id=posted.id)
    full = b'{"code": 30010, "message": "Maximum number of reactions reached (20)"}'
    reacting = r"/channels/\d+/messages/\d+/reactions/.*"
    headers = {"Content-Type": "application/json"}
    desk.discord.faults.add("PUT", reacting, Answer(400, full, headers))
    await desk.responder.refuse(job)
    desk.discord.faults.add("PUT", reacting, server_error(503))
    with pytest.raises(discord.DiscordServerError):
        await desk.responder.refuse(job)


async def test_a_link_is_renewed_though_discord_stumbles(desk: Desk) -> None:
    posted = await desk.ann.post(desk.channel, "", files=[CAT])
    old = Clip("cat.gif", posted.attachments[0].url, message_id=posted.id)
    posted.attachments[0].expire()
    job = Job("message-1", desk.channel.id, (old,), guild_id=desk.guild.id, message_id=posted.id)
    reading = r"/channels/\d+/messages/\d+"
    desk.discord.faults.add("GET", reading, server_error(503))
    fresh = await desk.responder.renew(job, old)
    assert fresh is not None
    assert fresh.location != old.location
    other = replace(old, location=f"{old.location.partition('?')[0]}x?ex=1")
    assert await desk.responder.renew(job, other) is None
    await desk.ann.delete(posted)
    assert await desk.responder.renew(job, old) is None


async def test_what_arrived_though_its_answer_did_not_is_not_posted_again(desk: Desk) -> None:
    desk.discord.faults.add("POST", SENDING, HangUp(perform=True))
    cut_off = await desk.submit_message()
    await desk.reply_to(cut_off)
    desk.discord.forget_nonces()
    desk.discord.faults.add("POST", SENDING, Silence(perform=True))
    timed_out = await desk.submit_message()
    await desk.reply_to(timed_out)
    desk.responder.lose_patience()
    desk.discord.forget_nonces()
    desk.discord.faults.add("POST", SENDING, HangUp(perform=True))
    # Where there is no message, no reply can be looked for: the nonce must do.
    await desk.submit_command()
    await desk.discord.wait_until(lambda: len(desk.sent()) == 3, "third answer", timeout=20)
    await desk.close()
    replied_to = [message.reference and message.reference.message for message in desk.sent()]
    assert replied_to == [cut_off, timed_out, None]
    assert attempts(desk.discord, desk.channel) == [None, None, None, 200]
    assert len(desk.responder.began) == 6


@pytest.fixture
async def at_work(
    clarifai: LoopbackClarifai, tmp_path: Path, data_dir: Path
) -> AsyncIterator[Scene]:
    async with scene(tmp_path, data_dir, settings=clarifai_settings(clarifai)) as opened:
        yield opened


async def posted_and_at_work_on(at_work: Scene, name: str) -> Message:
    """Have a clip posted in a new channel, and wait until its job runs."""
    message = await at_work.ann.post(at_work.guild.add_text_channel(name), "", files=[CAT])
    (clip,) = message.attachments
    download = f"download of the clip in #{name}"
    await at_work.discord.wait_until(lambda: clip.downloads > 0, download, timeout=20)
    return message


async def test_what_became_impossible_meanwhile_is_tried_once_and_costs_one_line_of_log(
    at_work: Scene,
) -> None:
    locked = await posted_and_at_work_on(at_work, "locked")
    locked.channel.deny_bot(Permission.SEND_MESSAGES)
    hidden = await posted_and_at_work_on(at_work, "hidden")
    hidden.channel.deny_bot(Permission.VIEW_CHANNEL)
    # Of these two the bot is not told: what it hears of in time it does not try at all.
    torn_down = await posted_and_at_work_on(at_work, "torn-down")
    del at_work.discord.world.channels[torn_down.channel.id]
    deleted = await posted_and_at_work_on(at_work, "deleted")
    del deleted.channel.messages[deleted.id]
    elsewhere = await at_work.ann.post(at_work.channel, "", files=[CAT])
    await at_work.reply_to(elsewhere)
    # Jobs that run may finish: an answer that is to be tried again would be.
    assert await at_work.program.stop() == 0
    lines = [json.loads(line) for line in at_work.program.log.splitlines()]
    for message, status, level, code in (
        (locked, 403, "warning", 50013),
        (hidden, 403, "warning", 50001),
        (torn_down, 404, "warning", 10003),
        (deleted, 400, "info", 50035),
    ):
        assert attempts(at_work.discord, message.channel) == [status]
        said = [line for line in lines if line.get("job") == f"message-{message.id}"]
        assert [(line["level"], line["code"]) for line in said] == [(level, code)]
