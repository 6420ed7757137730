"""What people see while their clips are tagged, and how it ends."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import discord
import pytest
from structlog.testing import capture_logs

from bot.chat.messages import WORKING
from bot.chat.progress_display import NOTICED, Pace
from bot.chat.responder import DiscordResponder
from bot.domain.clip import Clip
from bot.domain.job import Interaction, Job
from bot.domain.progress import Progress, Stage
from bot.domain.settings import GuildSettings
from bot.render.report import Report, ReportFile
from bot.services.answer_job import JobProgress
from loopback_discord import CannedResponse, LoopbackDiscord, Permission, server_error
from loopback_discord.discord_py import redirect_discord_py
from tests.processes.programs import TOKEN

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from contextlib import AbstractAsyncContextManager

    from bot.domain.job import Reply
    from bot.services.answer_job import ShownProgress
    from loopback_discord import Message

AT_ONCE = Pace(react=0, message=0, change=0.01)
REACTING = Pace(react=0, message=60)
REPORT = Report("**a.mp4** · 9 s", (ReportFile("timeline.png", b"png", "words"),), threshold=0.5)
SETTINGS = GuildSettings(5)


class Chat:
    """A message with a clip, and the responder that answers it."""

    def __init__(self, loopback: LoopbackDiscord, client: discord.Client) -> None:
        self.discord = loopback
        self.client = client
        self.guild = loopback.add_guild()
        self.channel = self.guild.add_text_channel("videos")
        self.ann = self.guild.add_member("ann")
        self.recorded: list[Reply] = []

    def responder(self, pace: Pace) -> DiscordResponder:
        return DiscordResponder(self.client, pace)

    def show(
        self,
        responder: DiscordResponder,
        job: Job,
        settings: GuildSettings = SETTINGS,
        *,
        again: bool = False,
    ) -> AbstractAsyncContextManager[ShownProgress]:
        """Show the progress of a job; the message that shows it is added to ``recorded``."""
        self.progress = JobProgress()
        return responder.show_progress(
            job, settings, self.progress, on_reply=self._record, again=again
        )

    async def _record(self, reply: Reply) -> None:
        self.recorded.append(reply)

    async def post(self, **more: Any) -> tuple[Message, Job]:
        message = await self.ann.post(self.channel, "a clip")
        clip = Clip("a_*b*.mp4", "http://a/", message_id=message.id)
        return message, Job(
            f"message-{message.id}",
            self.channel.id,
            (clip,),
            guild_id=self.guild.id,
            message_id=message.id,
            **more,
        )

    def sent(self) -> list[Message]:
        return [m for m in self.channel.messages.values() if m.author is self.discord.bot]

    async def until(self, holds: Callable[[], bool], what: str) -> None:
        await self.discord.wait_until(holds, what)


@pytest.fixture
async def chat(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Chat]:
    async with LoopbackDiscord(TOKEN) as loopback:
        redirect_discord_py(loopback, monkeypatch)
        async with discord.Client(intents=discord.Intents.none()) as client:
            await client.login(TOKEN)
            yield Chat(loopback, client)
        assert loopback.unknown_routes == []


async def test_quick_work_shows_nothing(chat: Chat) -> None:
    _message, job = await chat.post()
    async with chat.show(chat.responder(Pace(60, 60)), job) as shown:
        pass
    assert shown.reply is None
    assert chat.sent() == []


async def test_the_reaction_stays_until_the_work_is_done(chat: Chat) -> None:
    message, job = await chat.post()
    async with chat.show(chat.responder(REACTING), job):
        await chat.discord.wait_for_reaction(message, NOTICED)
    assert not message.reactions.get(NOTICED)


async def test_typing_is_shown_if_reactions_are_forbidden(chat: Chat) -> None:
    chat.channel.deny_bot(Permission.ADD_REACTIONS)
    _message, job = await chat.post()
    async with chat.show(chat.responder(REACTING), job):
        await chat.until(lambda: chat.channel.typing > 0, "typing")


async def test_progress_of_long_work_is_shown_and_becomes_the_answer(chat: Chat) -> None:
    message, job = await chat.post()
    responder = chat.responder(AT_ONCE)
    async with chat.show(responder, job) as shown:
        posted = await chat.discord.wait_for_message(chat.channel, reply_to=message)
        assert posted.content == f"{WORKING} **a\\_\\*b\\*.mp4** · waiting"
        chat.progress.listener(0)(Progress(Stage.TAG, 3, 12))
        await chat.until(lambda: posted.content.endswith("tagging, 25%"), "progress")
    reply = await responder.answer(job, REPORT, SETTINGS, earlier=shown.reply, again=False)
    assert reply
    assert [m.id for m in chat.sent()] == [reply.message_id] == [posted.id]
    assert chat.recorded == [reply]
    assert posted.content == REPORT.content
    assert [file.filename for file in posted.attachments] == ["timeline.png"]
    assert posted.components


async def test_progress_shown_before_a_crash_becomes_the_answer(chat: Chat) -> None:
    message, job = await chat.post()
    responder = chat.responder(AT_ONCE)
    async with chat.show(responder, job):
        posted = await chat.discord.wait_for_message(chat.channel, reply_to=message)
    chat.discord.expire_nonces()
    await responder.answer(job, REPORT, SETTINGS, earlier=None, again=True)
    assert [m.content for m in chat.sent()] == [REPORT.content]
    assert posted.content == REPORT.content


async def test_a_repeated_nonce_that_returns_the_progress_message_still_ends_in_the_answer(
    chat: Chat,
) -> None:
    message, job = await chat.post()
    responder = chat.responder(AT_ONCE)
    async with chat.show(responder, job):
        await chat.discord.wait_for_message(chat.channel, reply_to=message)
    await responder.answer(job, REPORT, SETTINGS, earlier=None, again=False)
    assert [m.content for m in chat.sent()] == [REPORT.content]


async def test_progress_of_a_job_without_an_answer_is_withdrawn(chat: Chat) -> None:
    message, job = await chat.post()
    responder = chat.responder(AT_ONCE)
    async with chat.show(responder, job) as shown:
        await chat.discord.wait_for_message(chat.channel, reply_to=message)
    assert shown.reply
    deleting = r"/channels/\d+/messages/\d+"
    chat.discord.faults.add("DELETE", deleting, server_error(503), times=2)
    await responder.withdraw(shown.reply)
    await responder.withdraw(shown.reply)
    assert chat.sent() == []


async def test_a_failed_withdrawal_does_not_stop_the_job(chat: Chat) -> None:
    message, job = await chat.post()
    responder = chat.responder(AT_ONCE)
    async with chat.show(responder, job) as shown:
        await chat.discord.wait_for_message(chat.channel, reply_to=message)
    assert shown.reply
    refused = CannedResponse(
        400, b'{"code": 50021, "message": "No"}', {"Content-Type": "application/json"}
    )
    chat.discord.faults.add("DELETE", r"/channels/\d+/messages/\d+", refused)
    with capture_logs() as logs:
        await responder.withdraw(shown.reply)
    assert [line["log_level"] for line in logs] == ["warning"]


async def test_a_second_attempt_shows_no_progress_and_removes_the_reaction(chat: Chat) -> None:
    message, job = await chat.post()
    message.reactions[NOTICED] = [chat.discord.bot]
    async with chat.show(chat.responder(AT_ONCE), job, again=True):
        assert not message.reactions.get(NOTICED)
    assert chat.sent() == []


async def test_no_progress_is_shown_if_only_matches_are_posted(chat: Chat) -> None:
    message, job = await chat.post()
    settings = GuildSettings(5, only_when_found=True)
    async with chat.show(chat.responder(AT_ONCE), job, settings):
        await chat.discord.wait_for_reaction(message, NOTICED)
    assert chat.sent() == []


async def test_progress_of_a_deferred_command_is_shown_in_its_response(chat: Chat) -> None:
    _message, job = await chat.post(interaction=Interaction(chat.discord.bot.id, "run-out"))
    async with chat.show(chat.responder(AT_ONCE), job) as shown:
        await chat.until(
            lambda: any(r.method == "PATCH" for r in chat.discord.requests), "edit of the response"
        )
    assert shown.reply is None
    assert chat.sent() == []


async def test_a_failing_discord_does_not_stop_the_answer(chat: Chat) -> None:
    message, job = await chat.post()
    chat.discord.faults.add("PUT", "/reactions/", server_error())
    responder = chat.responder(Pace(react=0, message=0))
    async with chat.show(responder, job) as shown:
        pass
    await responder.answer(job, REPORT, SETTINGS, earlier=shown.reply, again=False)
    assert [m.content for m in chat.discord.replies_to(message)] == [REPORT.content]
