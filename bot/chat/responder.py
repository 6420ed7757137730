"""The answers to jobs, as Discord messages."""

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
from bot.chat.native_clips import game_of
from bot.chat.progress_display import Pace, ProgressDisplay
from bot.chat.retry import FAILURES, is_temporary, retry_discord
from bot.chat.seen_before import visible_link
from bot.i18n import Translator

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

    from bot.domain.alerts import Alert
    from bot.domain.clip import Clip
    from bot.domain.job import Job, Reply
    from bot.domain.search import SameClip
    from bot.domain.settings import GuildSettings
    from bot.render.report import Report
    from bot.services.answer_job import JobProgress

REFUSED = "\N{WARNING SIGN}\N{VARIATION SELECTOR-16}"
# https://discord.com/developers/docs/topics/opcodes-and-status-codes#json
_INVALID_BODY = 50035
_USUAL_PACE = Pace()


class DiscordResponder:
    """Answers messages with replies, and interactions with their response."""

    def __init__(self, client: discord.Client, pace: Pace = _USUAL_PACE) -> None:
        self._client = client
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
        """React to the message after a moment; if it takes longer, show the progress in a reply."""
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
        """Answer the job; if that is no longer possible, log it once and return None."""
        draft = Draft.of(report, job.id, Translator(settings.language))
        try:
            if job.interaction and (
                response := await self._messages.respond(job.interaction, draft)
            ):
                return response
            return await self._reply(job, draft, settings, earlier, again=again)
        except (discord.Forbidden, discord.NotFound) as error:
            self._log.warning(
                "reply not sent: no access to the channel or message",
                status=error.status,
                code=error.code,
            )
        except discord.HTTPException as error:
            if is_temporary(error):
                raise
            if error.code == _INVALID_BODY and "message_reference" in error.text:
                self._log.info("reply not sent: the message was deleted", code=error.code)
            else:
                self._log.error("reply rejected by Discord", status=error.status, code=error.code)
        return None

    async def withdraw(self, earlier: Reply) -> None:
        """Delete a message that showed progress."""
        await self._messages.withdraw(earlier)

    async def refuse(self, job: Job) -> None:
        """Add a warning sign to the message, unless it is gone or reactions are not allowed."""
        if job.message_id is None:
            return
        message = self._messages.channel(job).get_partial_message(job.message_id)
        try:
            await message.add_reaction(REFUSED)
        except discord.HTTPException as error:
            if is_temporary(error):
                raise
            self._log.info("reaction not added", status=error.status, code=error.code)

    async def visible_link(self, channel_id: int, earlier: Sequence[SameClip]) -> str | None:
        """Return a link to the first message that everybody in a channel may read."""
        return await visible_link(self._client, channel_id, earlier)

    async def alert(self, alert: Alert, settings: GuildSettings) -> None:
        """Send an alert in its server's language."""
        await self._alerts.send(alert, Translator(settings.language))

    async def renew(self, job: Job, clip: Clip) -> Clip | None:
        """Fetch the attachment's message again, which has freshly signed links."""
        if clip.message_id is None:
            return None
        fetch = self._messages.channel(job).fetch_message
        try:
            message = await retry_discord(fetch, clip.message_id)
        except FAILURES as error:
            self._log.info("attachment link not renewed", reason=str(error))
            return None
        attachments = [
            message.attachments,
            *(part.attachments for part in message.message_snapshots),
        ]
        for attachment in chain.from_iterable(attachments):
            if URL(attachment.url).path == URL(clip.location).path:
                return replace(clip, location=attachment.url)
        return None

    async def game(self, job: Job, clip: Clip) -> str | None:
        """Return the game of a native clip, from its message."""
        if clip.message_id is None:
            return None
        fetch = self._client.http.get_message
        try:
            message = await retry_discord(fetch, job.channel_id, clip.message_id)
        except FAILURES as error:
            self._log.info("game of a native clip not read", reason=str(error))
            return None
        return game_of(message, clip.location)

    async def _reply(
        self,
        job: Job,
        draft: Draft,
        settings: GuildSettings,
        earlier: Reply | None,
        *,
        again: bool,
    ) -> Reply:
        """Edit the earlier message if there is one, or else send a new one."""
        if earlier is None and again:
            earlier = await self._messages.find(job, in_thread=settings.in_thread)
        if earlier is None:
            return await self._messages.send(job, draft, in_thread=settings.in_thread)
        await self._messages.edit(earlier, draft)
        return earlier
