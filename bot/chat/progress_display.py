"""Showing a job's progress: a reaction at first, a message if it takes longer."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

import discord
import structlog

from bot.chat.messages import WORKING, Draft
from bot.chat.retry import FAILURES
from bot.domain.progress import Stage
from bot.i18n import Translator
from bot.render import sanitize

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from bot.chat.messages import Messages
    from bot.domain.job import Job, Reply
    from bot.domain.progress import Progress
    from bot.domain.settings import GuildSettings
    from bot.services.answer_job import JobProgress

NOTICED = "\N{EYES}"
# Seconds for a request that is under way when the work ends.
_LAST_SECONDS = 4.0


@dataclass(frozen=True, slots=True)
class Pace:
    """Seconds until a reaction, until a message, and between changes of that message."""

    react: float = 2.0
    message: float = 8.0
    change: float = 5.0


class ProgressDisplay:
    """Shows one job's progress; a failure here never costs the answer.

    ``reply`` is the message that shows it, once there is one.
    """

    def __init__(
        self,
        messages: Messages,
        job: Job,
        settings: GuildSettings,
        progress: JobProgress,
        on_reply: Callable[[Reply], Awaitable[None]],
        pace: Pace,
    ) -> None:
        self._messages = messages
        self._job = job
        self._in_thread = settings.in_thread
        self._translate = Translator(settings.language)
        # If a server wants no answers without tags, it gets no message before there is a tag.
        self._sends_message = job.requested or not settings.only_when_found
        self._progress = progress
        self._on_reply = on_reply
        self.reply: Reply | None = None
        self._pace = pace
        self._done = asyncio.Event()
        self._log = structlog.get_logger("framehound.reply")

    @asynccontextmanager
    async def showing(self, *, again: bool) -> AsyncIterator[None]:
        """Show the progress while the block runs; leave the message of an earlier attempt alone."""
        if again:
            await self._take_back_reaction()
            yield
            return
        task = asyncio.create_task(self._show())
        try:
            yield
        finally:
            self._done.set()
            # Wait for a message on its way: after cancelling, nobody would know whether it arrived.
            _finished, late = await asyncio.wait([task], timeout=_LAST_SECONDS)
            for each in late:
                each.cancel()

    async def _show(self) -> None:
        reacted = False
        try:
            if self._job.message_id and not await self._is_done_within(self._pace.react):
                reacted = await self._react()
            if self._sends_message and not await self._is_done_within(self._pace.message):
                await self._show_message()
            await self._done.wait()
        except FAILURES as error:
            self._log.info("progress not shown", reason=str(error))
        finally:
            if reacted:
                await self._take_back_reaction()

    async def _show_message(self) -> None:
        text = self._text()
        await self._put(text)
        while not await self._is_done_within(self._pace.change):
            if (now := self._text()) != text:
                text = now
                await self._put(text)

    async def _put(self, text: str) -> None:
        draft = Draft(text)
        if self._job.interaction:
            await self._messages.respond(self._job.interaction, draft)
        elif self.reply:
            await self._messages.edit(self.reply, draft)
        else:
            self.reply = await self._messages.send(self._job, draft, in_thread=self._in_thread)
            await self._on_reply(self.reply)

    async def _is_done_within(self, seconds: float) -> bool:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._done.wait()
        return self._done.is_set()

    async def _react(self) -> bool:
        """React, or show the typing indicator if reactions are not allowed."""
        channel = self._messages.channel(self._job)
        try:
            await channel.get_partial_message(self._job.message_id or 0).add_reaction(NOTICED)
        except discord.Forbidden:
            await channel.typing()
            return False
        return True

    async def _take_back_reaction(self) -> None:
        if self._job.message_id is None or self._messages.user is None:
            return
        message = self._messages.channel(self._job).get_partial_message(self._job.message_id)
        with suppress(*FAILURES):
            await message.remove_reaction(NOTICED, self._messages.user)

    def _text(self) -> str:
        lines = (
            self._line(clip.name, self._progress.steps.get(number))
            for number, clip in enumerate(self._job.clips)
        )
        return "\n".join(f"{WORKING} {line}" for line in lines)

    def _line(self, name: str, step: Progress | None) -> str:
        shown = f"**{sanitize.for_discord(name)}**"
        if step is None:
            return self._translate("{clip} · waiting", clip=shown)
        if not step.total:
            return self._translate("{clip} · working on it", clip=shown)
        part = min(100, 100 * step.done // step.total)
        if step.stage is Stage.DOWNLOAD:
            return self._translate("{clip} · downloading, {part}%", clip=shown, part=part)
        return self._translate("{clip} · tagging, {part}%", clip=shown, part=part)
