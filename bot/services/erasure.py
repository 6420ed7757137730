"""Removing what is known of messages, channels, servers and people, and of times long past."""

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

    from bot.storage.guild_settings import GuildSettingsStore
    from bot.storage.job_records import Reply, ReportStore
    from bot.storage.locks import Locks
    from bot.storage.posted_clips import PostedClipStore
    from bot.storage.usage import UsageStore
    from bot.storage.watches import WatchStore

_DAY = 24 * 60 * 60.0
_LOCK = "purge"
# A finished job's row keeps the same event from becoming a second job; Discord tells nobody of an
# event as old as this.
_FINISHED_DAYS = 2


class QueuedJobs(Protocol):
    """The queue's own rows: what waits, and what is done."""

    async def forget(self, job_ids: Collection[str]) -> None:
        """Remove jobs, those that still wait too."""

    async def purge(self, before: datetime) -> int:
        """Remove jobs finished before a moment; return how many."""


class Erasure:
    """Everything that is known by an id goes with the id."""

    def __init__(
        self,
        posted_clips: PostedClipStore,
        reports: ReportStore,
        watches: WatchStore,
        settings: GuildSettingsStore,
        usage: UsageStore,
        jobs: QueuedJobs,
        *,
        retention_days: int,
    ) -> None:
        self._posted_clips = posted_clips
        self._reports = reports
        self._watches = watches
        self._settings = settings
        self._bills = usage
        self._jobs = jobs
        self._retention_days = retention_days
        self._log = structlog.get_logger("framehound.forgetting")

    async def messages(self, message_ids: Collection[int]) -> list[Reply]:
        """Forget messages that were deleted, jobs that wait for their turn included.

        Return the replies they were given, which are to go with them. Each step waits for a
        database that is away: begun anew, the first one would know of no reply any more.
        """
        # Reports first: whoever is noting a clip just now learns from its report that it is gone.
        replies = await retry_storage(lambda: self._reports.forget_messages(message_ids))
        await retry_storage(lambda: self._posted_clips.forget_messages(message_ids))
        await retry_storage(lambda: self._forget_jobs(message_ids))
        return replies

    async def channel(self, channel_id: int) -> None:
        """Forget a channel or thread that was deleted."""
        await retry_storage(lambda: self._reports.forget_channel(channel_id))
        messages = await retry_storage(lambda: self._posted_clips.forget_channel(channel_id))
        await retry_storage(lambda: self._forget_jobs(messages))
        await retry_storage(lambda: self._watches.forget_channel(channel_id))

    async def guild(self, guild_id: int) -> None:
        """Forget a server that removed the bot; what it was billed stays, without its name."""
        await retry_storage(lambda: self._reports.forget_guild(guild_id))
        messages = await retry_storage(lambda: self._posted_clips.forget_guild(guild_id))
        await retry_storage(lambda: self._forget_jobs(messages))
        await retry_storage(lambda: self._watches.forget_guild(guild_id))
        await retry_storage(lambda: self._settings.forget(guild_id))
        await retry_storage(lambda: self._bills.disown(guild_owner(guild_id)))

    async def person(self, user_id: int) -> int:
        """Forget a person's clips; return in how many messages they were."""
        messages = await self._posted_clips.forget_author(user_id)
        await self._reports.forget_messages(messages)
        await self._forget_jobs(messages)
        return len(messages)

    async def purge(self) -> None:
        """Forget what is older than it may get; raises StorageUnavailable."""
        clips = await self._posted_clips.purge(self._retention_days)
        reports = await self._reports.purge(self._retention_days)
        usage = await self._bills.purge()
        jobs = await self._jobs.purge(datetime.now(UTC) - timedelta(days=_FINISHED_DAYS))
        self._log.info("purged", clips=clips, reports=reports, usage=usage, jobs=jobs)

    @asynccontextmanager
    async def daily(self, locks: Locks, pause: float = _DAY) -> AsyncIterator[None]:
        """Purge now and once a day while the block runs, in one process of all."""
        async with in_background(self._purge_again_and_again(locks, pause)):
            yield

    async def _purge_again_and_again(self, locks: Locks, pause: float) -> None:
        while True:
            try:
                if await locks.acquire(_LOCK):
                    try:
                        await self.purge()
                    finally:
                        await locks.release(_LOCK)
            except StorageUnavailable as error:
                self._log.warning("purge put off", detail=error.detail)
            except Exception:  # noqa: BLE001 - logged whole; tomorrow it may go well
                self._log.exception("purge failed")
            await asyncio.sleep(pause)

    async def _forget_jobs(self, message_ids: Collection[int]) -> None:
        await self._jobs.forget([message_job_id(number) for number in message_ids])
