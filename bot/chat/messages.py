"""The bot's own messages on Discord: sending each once, finding, editing and deleting them."""

from __future__ import annotations

import hashlib
import io
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import discord
import structlog

from bot.chat.buttons import report_buttons
from bot.chat.retry import FAILURES, is_temporary, is_temporary_failure, retry_discord
from bot.domain.job import Reply
from bot.render import sanitize

if TYPE_CHECKING:
    from bot.domain.job import Interaction, Job
    from bot.i18n import Translator
    from bot.render.report import Report, ReportFile

WORKING = "\N{HOURGLASS WITH FLOWING SAND}"
"""The first character of a message that shows progress."""

# https://discord.com/developers/docs/topics/opcodes-and-status-codes#json
_UNKNOWN_MESSAGE = 10008
_UNKNOWN_INTERACTION = 10062
_UNKNOWN_WEBHOOK = 10015
_INVALID_TOKEN = 50027
_THREAD_EXISTS = 160004
_TOKEN_GONE = {_UNKNOWN_MESSAGE, _UNKNOWN_INTERACTION, _UNKNOWN_WEBHOOK, _INVALID_TOKEN}
# An earlier reply is looked for among this many messages after the clip's, 100 per request.
_MAX_MESSAGES_SEARCHED = 1000
_MAX_THREAD_NAME_LENGTH = 100


@dataclass(frozen=True, slots=True)
class Draft:
    """A message to send. ``buttons`` are the arguments of ``report_buttons``, if it gets any."""

    content: str
    files: tuple[ReportFile, ...] = ()
    buttons: tuple[str, float, Translator] | None = None

    @classmethod
    def of(cls, report: Report, job_id: str, translate: Translator) -> Self:
        """Return the message for a job's report."""
        above = report.threshold
        return cls(
            report.content, report.files, None if above is None else (job_id, above, translate)
        )

    def parts(self) -> dict[str, Any]:
        """Return the content and the buttons as arguments for discord.py."""
        view = report_buttons(*self.buttons) if self.buttons else None
        return {"content": self.content, "view": view}

    def attached(self) -> list[discord.File]:
        """Return the files, newly opened, as discord.py can send each object only once."""
        return [attached(file) for file in self.files]


class Messages:
    """Sends, finds, edits and deletes the bot's own messages."""

    def __init__(self, client: discord.Client) -> None:
        self._client = client
        self._log = structlog.get_logger("framehound.reply")

    @property
    def user(self) -> discord.ClientUser | None:
        """The bot's user, once it is logged in."""
        return self._client.user

    def channel(self, job: Job) -> discord.PartialMessageable:
        """Return the channel of the job."""
        return self._client.get_partial_messageable(job.channel_id, guild_id=job.guild_id)

    async def send(self, job: Job, draft: Draft, *, in_thread: bool) -> Reply:
        """Reply to the job's message. The nonce makes a repeated send return the first reply."""
        thread = await self._thread(job) if in_thread else None
        channel = thread or self.channel(job)
        extras: dict[str, Any] = {key: part for key, part in draft.parts().items() if part}
        if job.message_id is not None and thread is None:
            extras["reference"] = channel.get_partial_message(job.message_id)
        sent = await channel.send(
            files=draft.attached(),
            nonce=_nonce(job.id),
            mention_author=False,
            suppress_embeds=True,
            silent=True,
            **extras,
        )
        reply = Reply(sent.channel.id, sent.id)
        if sent.content.startswith(WORKING) and sent.content != draft.content:
            await self.edit(reply, draft)  # the nonce returned the message that showed the progress
        return reply

    async def edit(self, reply: Reply, draft: Draft) -> None:
        """Replace the content, files and buttons of a message."""
        await self._message(reply).edit(
            **draft.parts(),
            attachments=draft.attached(),
            allowed_mentions=discord.AllowedMentions.none(),
        )

    async def withdraw(self, reply: Reply) -> bool:
        """Delete a reply; return False if another attempt may succeed.

        A reply that is gone already, or that the bot may not delete, is left.
        """
        try:
            with suppress(discord.NotFound, discord.Forbidden):
                await retry_discord(self._message(reply).delete)
        except FAILURES as error:
            self._log.warning("reply not deleted", reason=str(error))
            return not is_temporary_failure(error)
        return True

    async def respond(self, interaction: Interaction, draft: Draft) -> Reply | None:
        """Edit the deferred response, which may be repeated; return None if its token expired."""
        webhook = discord.Webhook.partial(
            interaction.application_id, interaction.token, client=self._client
        )
        original: Any = "@original"  # discord.py's own name for it; its signature says int
        try:
            sent = await webhook.edit_message(
                original,
                **draft.parts(),
                attachments=draft.attached(),
                allowed_mentions=discord.AllowedMentions.none(),
            )
        except discord.HTTPException as error:
            if error.code in _TOKEN_GONE:
                return None
            raise
        return Reply(sent.channel.id, sent.id)

    async def find(self, job: Job, *, in_thread: bool) -> Reply | None:
        """Find our reply to the job, as Discord forgets a nonce after some minutes."""
        if job.message_id is None or self.user is None:
            return None
        after = discord.Object(job.message_id)
        thread = await self._thread(job) if in_thread else None
        channel = thread or self.channel(job)
        async for message in channel.history(after=after, limit=_MAX_MESSAGES_SEARCHED):
            if message.author.id != self.user.id or message.is_system():
                continue
            reference = message.reference
            if thread or (reference and reference.message_id == job.message_id):
                return Reply(message.channel.id, message.id)
        return None

    async def _thread(self, job: Job) -> discord.PartialMessageable | None:
        """Open a thread at the job's message, whose ID it shares; None if it can't have one."""
        if job.message_id is None:
            return None
        name = sanitize.clean(job.clips[0].name, _MAX_THREAD_NAME_LENGTH)
        message = self.channel(job).get_partial_message(job.message_id)
        try:
            await message.create_thread(name=name)
        except discord.Forbidden:
            return None
        except discord.HTTPException as error:
            if is_temporary(error):
                raise
            if error.code != _THREAD_EXISTS:
                return None  # threads and private channels can't contain threads
        return self._client.get_partial_messageable(job.message_id, guild_id=job.guild_id)

    def _message(self, reply: Reply) -> discord.PartialMessage:
        channel = self._client.get_partial_messageable(reply.channel_id)
        return channel.get_partial_message(reply.message_id)


def attached(file: ReportFile) -> discord.File:
    """Return a file for discord.py to send."""
    return discord.File(
        io.BytesIO(file.content), file.name, spoiler=file.spoiler, description=file.description
    )


def _nonce(job_id: str) -> str:
    """Return the nonce for the reply to a job, at most 25 characters."""
    return hashlib.sha256(job_id.encode()).hexdigest()[:25]
