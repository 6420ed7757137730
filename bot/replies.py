"""Giving a job its one answer, through Discord's REST alone."""

from __future__ import annotations

import hashlib
import io
from dataclasses import replace
from http import HTTPStatus
from itertools import chain
from typing import TYPE_CHECKING, Any

import aiohttp
import discord
import structlog
from stamina import AsyncRetryingCaller
from yarl import URL

from bot.render.summary import ATTACHMENT_NAME

if TYPE_CHECKING:
    from bot.domain.clip import Clip
    from bot.domain.job import Interaction, Job
    from bot.render.summary import Summary

REFUSED = "\N{WARNING SIGN}\N{VARIATION SELECTOR-16}"
# https://discord.com/developers/docs/topics/opcodes-and-status-codes#json
_UNKNOWN_MESSAGE = 10008
_UNKNOWN_INTERACTION = 10062
_UNKNOWN_WEBHOOK = 10015
_INVALID_TOKEN = 50027
_INVALID_BODY = 50035
_SERVER_ERRORS = 500
# Messages after the clip's among which an earlier reply is looked for, a hundred a request.
_MOST_LOOKED_AT = 1000
_TOKEN_GONE = {_UNKNOWN_MESSAGE, _UNKNOWN_INTERACTION, _UNKNOWN_WEBHOOK, _INVALID_TOKEN}


class DiscordResponder:
    """Answers messages by replies and interactions by their response."""

    def __init__(self, client: discord.Client) -> None:
        self._client = client
        self._log = structlog.get_logger("framehound.reply")

    async def answer(self, job: Job, summary: Summary, *, again: bool) -> None:
        """Give the answer; where that is no longer possible, say so once in the log."""
        try:
            if job.interaction and await self._respond(job.interaction, summary):
                return
            if not (again and await self._is_answered(job)):
                await self._send(job, summary)
        except (discord.Forbidden, discord.NotFound) as error:
            self._log.warning("reply not possible", status=error.status, code=error.code)
        except discord.HTTPException as error:
            if may_pass(error):
                raise
            if error.code == _INVALID_BODY and "message_reference" in error.text:
                self._log.info("message is gone, so nothing is said", code=error.code)
            else:
                self._log.error("reply refused", status=error.status, code=error.code)

    async def refuse(self, job: Job) -> None:
        """React to the message; that it is gone or reactions are forbidden costs nothing."""
        if job.message_id is None:
            return
        message = self._channel(job).get_partial_message(job.message_id)
        try:
            await message.add_reaction(REFUSED)
        except discord.HTTPException as error:
            if may_pass(error):
                raise
            self._log.info("reaction not possible", status=error.status, code=error.code)

    async def renew(self, job: Job, clip: Clip) -> Clip | None:
        """Fetch the attachment's message again: Discord signs its links anew each time."""
        if clip.message_id is None:
            return None
        fetch = self._channel(job).fetch_message
        caller = AsyncRetryingCaller(attempts=5, timeout=60, wait_initial=0.5)
        try:
            message = await caller(_passes, fetch, clip.message_id)
        except (discord.HTTPException, aiohttp.ClientError, TimeoutError) as error:
            self._log.info("link can't be renewed", reason=str(error))
            return None
        found = [message.attachments, *(part.attachments for part in message.message_snapshots)]
        for attachment in chain.from_iterable(found):
            if URL(attachment.url).path == URL(clip.location).path:
                return replace(clip, location=attachment.url)
        return None

    async def _send(self, job: Job, summary: Summary) -> None:
        """Reply to the message; the nonce makes a repeated send return the first one."""
        channel = self._channel(job)
        extras: dict[str, Any] = {}
        if job.message_id is not None:
            extras["reference"] = channel.get_partial_message(job.message_id)
        await channel.send(
            summary.content,
            files=_files(summary),
            nonce=_nonce(job.id),
            mention_author=False,
            suppress_embeds=True,
            silent=True,
            **extras,
        )

    async def _is_answered(self, job: Job) -> bool:
        """Look for our own reply: Discord remembers a nonce for minutes only."""
        if job.message_id is None or self._client.user is None:
            return False
        after = discord.Object(job.message_id)
        async for message in self._channel(job).history(after=after, limit=_MOST_LOOKED_AT):
            reference = message.reference
            ours = message.author.id == self._client.user.id
            if ours and reference and reference.message_id == job.message_id:
                return True
        return False

    async def _respond(self, interaction: Interaction, summary: Summary) -> bool:
        """Fill in the deferred response, which can be done twice; False if its token ran out."""
        webhook = discord.Webhook.partial(
            interaction.application_id, interaction.token, client=self._client
        )
        original: Any = "@original"  # discord.py's own name for it; its signature says int
        try:
            await webhook.edit_message(
                original,
                content=summary.content,
                attachments=_files(summary),
                allowed_mentions=discord.AllowedMentions.none(),
            )
        except discord.HTTPException as error:
            if error.code in _TOKEN_GONE:
                return False
            raise
        return True

    def _channel(self, job: Job) -> discord.PartialMessageable:
        return self._client.get_partial_messageable(job.channel_id, guild_id=job.guild_id)


def may_pass(error: discord.HTTPException) -> bool:
    """Tell a bad moment of Discord's from a refusal, which would stay one."""
    return error.status == HTTPStatus.TOO_MANY_REQUESTS or error.status >= _SERVER_ERRORS


def _passes(error: Exception) -> bool:
    """Tell whether what went wrong between us and Discord may go well the next time."""
    if isinstance(error, discord.HTTPException):
        return may_pass(error)
    return isinstance(error, (aiohttp.ClientError, TimeoutError))


def _files(summary: Summary) -> list[discord.File]:
    if summary.attachment is None:
        return []
    return [discord.File(io.BytesIO(summary.attachment.encode()), ATTACHMENT_NAME)]


def _nonce(job_id: str) -> str:
    """Derive the message's nonce, at most 25 characters, from the job."""
    return hashlib.sha256(job_id.encode()).hexdigest()[:25]
