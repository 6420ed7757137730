"""Giving a job its one answer."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import replace
from itertools import chain
from typing import TYPE_CHECKING

import discord
import structlog
from yarl import URL

from bot.chat.alerts import Alerts
from bot.chat.messages import Draft, Messages
from bot.chat.progress_display import Pace, ProgressDisplay
from bot.chat.retry import FAILURES, is_temporary, retry_discord
from bot.i18n import Translator

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from bot.domain.alerts import Alert
    from bot.domain.clip import Clip
    from bot.domain.job import Job, Reply
    from bot.domain.settings import GuildSettings
    from bot.render.report import Report
    from bot.services.answer_job import JobProgress

REFUSED = "\N{WARNING SIGN}\N{VARIATION SELECTOR-16}"
# https://discord.com/developers/docs/topics/opcodes-and-status-codes#json
_INVALID_BODY = 50035
_USUAL_PACE = Pace()


class DiscordResponder:
    """Answers messages by replies and interactions by their response."""

    def __init__(self, client: discord.Client, pace: Pace = _USUAL_PACE) -> None:
        self._messages = Messages(client)
        self._alerts = Alerts(client)
        self._pace = pace
        self._log = structlog.get_logger("framehound.reply")

    @asynccontextmanager
    async def show_progress(
        self,
        job: Job,
        settings: GuildSettings,
        progress: JobProgress,
        *,
        on_reply: Callable[[Reply], Awaitable[None]],
        again: bool,
    ) -> AsyncIterator[ProgressDisplay]:
        """React to the message after a moment, and later show how far its clips have come."""
        display = ProgressDisplay(self._messages, job, settings, progress, on_reply, self._pace)
        async with display.showing(again=again):
            yield display

    async def answer(
        self,
        job: Job,
        report: Report,
        settings: GuildSettings,
        *,
        earlier: Reply | None,
        again: bool,
    ) -> Reply | None:
        """Give the answer; where that is no longer possible, say so once in the log."""
        draft = Draft.of(report, job.id, Translator(settings.language))
        try:
            if job.interaction and (given := await self._messages.respond(job.interaction, draft)):
                return given
            return await self._reply(job, draft, settings, earlier, again=again)
        except (discord.Forbidden, discord.NotFound) as error:
            self._log.warning("reply not possible", status=error.status, code=error.code)
        except discord.HTTPException as error:
            if is_temporary(error):
                raise
            if error.code == _INVALID_BODY and "message_reference" in error.text:
                self._log.info("message is gone, so nothing is said", code=error.code)
            else:
                self._log.error("reply refused", status=error.status, code=error.code)
        return None

    async def withdraw(self, earlier: Reply) -> None:
        """Take a reply back."""
        await self._messages.withdraw(earlier)

    async def refuse(self, job: Job) -> None:
        """React to the message; that it is gone or reactions are forbidden costs nothing."""
        if job.message_id is None:
            return
        message = self._messages.channel(job).get_partial_message(job.message_id)
        try:
            await message.add_reaction(REFUSED)
        except discord.HTTPException as error:
            if is_temporary(error):
                raise
            self._log.info("reaction not possible", status=error.status, code=error.code)

    async def alert(self, alert: Alert, settings: GuildSettings) -> None:
        """Tell moderators in the language of their server."""
        await self._alerts.send(alert, Translator(settings.language))

    async def renew(self, job: Job, clip: Clip) -> Clip | None:
        """Fetch the attachment's message again: Discord signs its links anew each time."""
        if clip.message_id is None:
            return None
        fetch = self._messages.channel(job).fetch_message
        try:
            message = await retry_discord(fetch, clip.message_id)
        except FAILURES as error:
            self._log.info("link can't be renewed", reason=str(error))
            return None
        found = [message.attachments, *(part.attachments for part in message.message_snapshots)]
        for attachment in chain.from_iterable(found):
            if URL(attachment.url).path == URL(clip.location).path:
                return replace(clip, location=attachment.url)
        return None

    async def _reply(
        self,
        job: Job,
        draft: Draft,
        settings: GuildSettings,
        earlier: Reply | None,
        *,
        again: bool,
    ) -> Reply:
        """Make an earlier message the answer where there is one, else send it."""
        if earlier is None and again:
            earlier = await self._messages.find(job, in_thread=settings.in_thread)
        if earlier is None:
            return await self._messages.send(job, draft, in_thread=settings.in_thread)
        await self._messages.edit(earlier, draft)
        return earlier
