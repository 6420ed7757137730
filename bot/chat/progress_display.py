"""Showing that clips are worked on: a reaction at first, a message where it takes long."""

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
    from collections.abc import AsyncIterator

    from bot.chat.messages import Messages
    from bot.domain.job import Job
    from bot.domain.progress import Progress
    from bot.domain.settings import GuildSettings
    from bot.services.answer_job import ShownProgress

NOTICED = "\N{EYES}"
# What is under way when the work is done may take so many seconds more.
_LAST_SECONDS = 4.0


@dataclass(frozen=True, slots=True)
class Pace:
    """When work is shown, in seconds: a reaction, a message, and how often that changes."""

    react: float = 2.0
    tell: float = 8.0
    change: float = 5.0


class ProgressDisplay:
    """Shows one job's work; whatever goes wrong here costs nobody their answer."""

    def __init__(
        self,
        messages: Messages,
        job: Job,
        settings: GuildSettings,
        shown: ShownProgress,
        pace: Pace,
    ) -> None:
        self._messages = messages
        self._job = job
        self._in_thread = settings.in_thread
        self._translate = Translator(settings.language)
        # Where a server wants to hear of finds alone, nothing is said before there is one.
        self._tells = job.asked or not settings.only_when_found
        self._shown = shown
        self._pace = pace
        self._done = asyncio.Event()
        self._log = structlog.get_logger("framehound.reply")

    @asynccontextmanager
    async def showing(self, *, again: bool) -> AsyncIterator[None]:
        """Show the work while the block runs; what an earlier attempt has said stays as it is."""
        if again:
            await self._take_back_reaction()
            yield
            return
        task = asyncio.create_task(self._show())
        try:
            yield
        finally:
            self._done.set()
            # A message on its way is waited for: cut off, nobody would know whether it arrived.
            _finished, late = await asyncio.wait([task], timeout=_LAST_SECONDS)
            for each in late:
                each.cancel()

    async def _show(self) -> None:
        reacted = False
        try:
            if self._job.message_id and not await self._is_done_within(self._pace.react):
                reacted = await self._react()
            if self._tells and not await self._is_done_within(self._pace.tell):
                await self._tell()
            await self._done.wait()
        except FAILURES as error:
            self._log.info("work not shown", reason=str(error))
        finally:
            if reacted:
                await self._take_back_reaction()

    async def _tell(self) -> None:
        said = self._text()
        await self._put(said)
        while not await self._is_done_within(self._pace.change):
            if (now := self._text()) != said:
                said = now
                await self._put(said)

    async def _put(self, text: str) -> None:
        draft = Draft(text)
        if self._job.interaction:
            await self._messages.respond(self._job.interaction, draft)
        elif self._shown.reply:
            await self._messages.edit(self._shown.reply, draft)
        else:
            sent = await self._messages.send(self._job, draft, in_thread=self._in_thread)
            self._shown.reply = sent
            if self._shown.note:
                await self._shown.note(sent)

    async def _is_done_within(self, seconds: float) -> bool:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._done.wait()
        return self._done.is_set()

    async def _react(self) -> bool:
        """React, or where that is not allowed show that somebody is typing."""
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
            self._line(clip.name, self._shown.steps.get(number))
            for number, clip in enumerate(self._job.clips)
        )
        return "\n".join(f"{WORKING} {line}" for line in lines)

    def _line(self, name: str, step: Progress | None) -> str:
        shown = f"**{sanitize.for_discord(name)}**"
        if step is None:
            return self._translate("{clip} · waiting", clip=shown)
        if not step.total:
            return self._translate("{clip} · working", clip=shown)
        part = f"{min(100, 100 * step.done // step.total)} %"
        if step.stage is Stage.DOWNLOAD:
            return self._translate("{clip} · downloading, {part}", clip=shown, part=part)
        return self._translate("{clip} · looking at it, {part}", clip=shown, part=part)
