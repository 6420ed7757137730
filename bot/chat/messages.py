"""Our messages at Discord: sent once, found again, changed and deleted."""

from __future__ import annotations

import hashlib
import io
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import discord
import structlog

from bot.chat.buttons import explore
from bot.chat.retry import FAILURES, is_temporary, retry_discord
from bot.domain.job import Reply
from bot.render import sanitize

if TYPE_CHECKING:
    from bot.domain.job import Interaction, Job
    from bot.i18n import Translator
    from bot.render.report import Report, ReportFile

WORKING = "\N{HOURGLASS WITH FLOWING SAND}"
"""How a message begins that says how far the work has come."""

# https://discord.com/developers/docs/topics/opcodes-and-status-codes#json
_UNKNOWN_MESSAGE = 10008
_UNKNOWN_INTERACTION = 10062
_UNKNOWN_WEBHOOK = 10015
_INVALID_TOKEN = 50027
_THREAD_EXISTS = 160004
_TOKEN_GONE = {_UNKNOWN_MESSAGE, _UNKNOWN_INTERACTION, _UNKNOWN_WEBHOOK, _INVALID_TOKEN}
# Messages after the clip's among which an earlier reply is looked for, a hundred a request.
_MAX_MESSAGES_SEARCHED = 1000
_MAX_THREAD_NAME_LENGTH = 100


@dataclass(frozen=True, slots=True)
class Draft:
    """A message to be; ``explored`` is whose report its buttons explore, above which threshold."""

    content: str
    files: tuple[ReportFile, ...] = ()
    explored: tuple[str, float, Translator] | None = None

    @classmethod
    def of(cls, report: Report, job_id: str, translate: Translator) -> Self:
        """Make a message of a job's report."""
        above = report.threshold
        return cls(
            report.content, report.files, None if above is None else (job_id, above, translate)
        )

    def parts(self) -> dict[str, Any]:
        """Return content and buttons as discord.py takes them."""
        return {"content": self.content, "view": explore(*self.explored) if self.explored else None}

    def attached(self) -> list[discord.File]:
        """Return the files, opened anew: each can be sent once."""
        return [attached(file) for file in self.files]


class Messages:
    """Sends, finds, changes and deletes what we say."""

    def __init__(self, client: discord.Client) -> None:
        self._client = client
        self._log = structlog.get_logger("framehound.reply")

    @property
    def user(self) -> discord.ClientUser | None:
        """Who we are at Discord, once logged in."""
        return self._client.user

    def channel(self, job: Job) -> discord.PartialMessageable:
        """Return where the job comes from."""
        return self._client.get_partial_messageable(job.channel_id, guild_id=job.guild_id)

    async def send(self, job: Job, draft: Draft, *, in_thread: bool) -> Reply:
        """Reply to the job's message; the nonce makes a repeated send return the first one."""
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
            await self.edit(reply, draft)  # the nonce gave us back what said how far the work was
        return reply

    async def edit(self, reply: Reply, draft: Draft) -> None:
        """Make a message of ours another one."""
        await self._message(reply).edit(
            **draft.parts(),
            attachments=draft.attached(),
            allowed_mentions=discord.AllowedMentions.none(),
        )

    async def withdraw(self, reply: Reply) -> None:
        """Delete a reply; somebody else may have done so before, and one may be beyond reach."""
        try:
            with suppress(discord.NotFound, discord.Forbidden):
                await retry_discord(self._message(reply).delete)
        except FAILURES as error:
            self._log.warning("reply can't be taken back", reason=str(error))

    async def respond(self, interaction: Interaction, draft: Draft) -> Reply | None:
        """Fill in the deferred response, which can be done twice; None if its token ran out."""
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
        """Look for our own reply: Discord remembers a nonce for minutes only."""
        if job.message_id is None or self.user is None:
            return None
        after = discord.Object(job.message_id)
        thread = await self._thread(job) if in_thread else None
        place = thread or self.channel(job)
        async for message in place.history(after=after, limit=_MAX_MESSAGES_SEARCHED):
            if message.author.id != self.user.id or message.is_system():
                continue
            reference = message.reference
            if thread or (reference and reference.message_id == job.message_id):
                return Reply(message.channel.id, message.id)
        return None

    async def _thread(self, job: Job) -> discord.PartialMessageable | None:
        """Open a thread at the job's message, whose id it has; None where there can be none."""
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
                return None  # in a thread, in a private channel there can be no other
        return self._client.get_partial_messageable(job.message_id, guild_id=job.guild_id)

    def _message(self, reply: Reply) -> discord.PartialMessage:
        channel = self._client.get_partial_messageable(reply.channel_id)
        return channel.get_partial_message(reply.message_id)


def attached(file: ReportFile) -> discord.File:
    """Return a file as discord.py sends it."""
    return discord.File(
        io.BytesIO(file.content), file.name, spoiler=file.spoiler, description=file.description
    )


def _nonce(job_id: str) -> str:
    """Derive the message's nonce, at most 25 characters, from the job."""
    return hashlib.sha256(job_id.encode()).hexdigest()[:25]
