"""Use case: erasing what is stored about messages, channels, servers, people and old times."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Protocol

import structlog

from bot.domain.job import guild_owner, message_job_id
from bot.runtime.tasks import in_background
from bot.storage.database import StorageUnavailable, retry_storage

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Collection

    from bot.domain.job import Reply
    from bot.storage.guild_settings import GuildSettingsStore
    from bot.storage.job_records import JobRecordStore
    from bot.storage.locks import Locks
    from bot.storage.posted_clips import PostedClipStore
    from bot.storage.usage import UsageStore
    from bot.storage.watches import WatchStore

_DAY = 24 * 60 * 60.0
_LOCK = "purge"
# The row of a finished job keeps a repeated event from becoming a second job. Discord does not
# repeat events this old.
_FINISHED_DAYS = 2


class QueuedJobs(Protocol):
    """The rows of waiting and finished jobs in the queue."""

    async def forget(self, job_ids: Collection[str]) -> None:
        """Remove jobs, including those that still wait."""

    async def purge(self, before: datetime) -> int:
        """Remove jobs finished before a moment; return how many."""


class Erasure:
    """Erases everything stored under an ID.

    Every step retries for a while if the database is away, and may be repeated. Job records go
    first: a job that runs meanwhile learns from its missing record that it was erased.
    """

    def __init__(
        self,
        posted_clips: PostedClipStore,
        job_records: JobRecordStore,
        watches: WatchStore,
        settings: GuildSettingsStore,
        usage: UsageStore,
        jobs: QueuedJobs,
        *,
        retention_days: int,
    ) -> None:
        self._posted_clips = posted_clips
        self._job_records = job_records
        self._watches = watches
        self._settings = settings
        self._usage = usage
        self._jobs = jobs
        self._retention_days = retention_days
        self._log = structlog.get_logger("framehound.erasure")

    async def messages(self, message_ids: Collection[int]) -> list[Reply]:
        """Erase deleted messages, including their waiting jobs.

        Return the replies to them, which the caller deletes.
        """
        replies = await retry_storage(lambda: self._job_records.erase_messages(message_ids))
        await retry_storage(lambda: self._posted_clips.forget_messages(message_ids))
        await retry_storage(lambda: self._forget_jobs(message_ids))
        return replies

    async def channel(self, channel_id: int) -> None:
        """Erase a deleted channel or thread."""
        await retry_storage(lambda: self._job_records.erase_channel(channel_id))
        messages = await retry_storage(lambda: self._posted_clips.forget_channel(channel_id))
        await retry_storage(lambda: self._forget_jobs(messages))
        await retry_storage(lambda: self._watches.forget_channel(channel_id))

    async def guild(self, guild_id: int) -> None:
        """Erase a server that removed the bot; billed frames stay, without its ID."""
        await retry_storage(lambda: self._job_records.erase_guild(guild_id))
        messages = await retry_storage(lambda: self._posted_clips.forget_guild(guild_id))
        await retry_storage(lambda: self._forget_jobs(messages))
        await retry_storage(lambda: self._watches.forget_guild(guild_id))
        await retry_storage(lambda: self._settings.forget(guild_id))
        await retry_storage(lambda: self._usage.disown(guild_owner(guild_id)))

    async def person(self, user_id: int) -> int:
        """Erase a person's clips; return the number of messages they were in.

        The posted clips go last: they tell which messages are left to erase if an attempt fails.
        """
        messages = await retry_storage(lambda: self._posted_clips.messages_by(user_id))
        await retry_storage(lambda: self._job_records.erase_messages(messages))
        await retry_storage(lambda: self._forget_jobs(messages))
        await retry_storage(lambda: self._posted_clips.forget_author(user_id))
        return len(messages)

    async def purge(self) -> None:
        """Erase what is older than it may get; raises ``StorageUnavailable``."""
        clips = await self._posted_clips.purge(self._retention_days)
        job_records = await self._job_records.purge(self._retention_days)
        usage = await self._usage.purge()
        jobs = await self._jobs.purge(datetime.now(UTC) - timedelta(days=_FINISHED_DAYS))
        self._log.info("purged", clips=clips, job_records=job_records, usage=usage, jobs=jobs)

    @asynccontextmanager
    async def daily(self, locks: Locks, pause: float = _DAY) -> AsyncIterator[None]:
        """Purge now and once a day while the block runs, in one of all processes."""
        async with in_background(self._purge_regularly(locks, pause)):
            yield

    async def _purge_regularly(self, locks: Locks, pause: float) -> None:
        while True:
            try:
                if await locks.acquire(_LOCK):
                    try:
                        await self.purge()
                    finally:
                        await locks.release(_LOCK)
            except StorageUnavailable as error:
                self._log.warning("purge postponed: the database is away", detail=error.detail)
            except Exception:  # noqa: BLE001 - logged with its traceback; it may work tomorrow
                self._log.exception("purge failed")
            await asyncio.sleep(pause)

    async def _forget_jobs(self, message_ids: Collection[int]) -> None:
        await self._jobs.forget([message_job_id(number) for number in message_ids])
