"""Use case: erasing what is stored about messages, channels, servers, people and old times."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Protocol

import structlog

from bot.domain.erasure import Channel, Guild, Messages, Person
from bot.domain.job import guild_owner, interaction_of, message_job_id, person_owner
from bot.runtime.tasks import in_background
from bot.storage.database import StorageUnavailable, batched, retry_storage

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Sequence

    from bot.domain.erasure import Scope
    from bot.domain.job import Job
    from bot.storage.job_records import ErasedJob
    from bot.storage.locks import Locks
    from bot.storage.stores import Stores

_DAY = 24 * 60 * 60.0
_LOCK = "purge"
# The row of a finished job keeps a repeated event from becoming a second job. Discord does not
# repeat events this old.
_FINISHED_DAYS = 2


class QueuedJobs(Protocol):
    """The rows of waiting and finished jobs in the queue."""

    async def about(self, scope: Channel | Guild | Person) -> list[str]:
        """Return the IDs of the jobs about a channel, a server or a person."""

    async def forget(self, job_ids: Collection[str]) -> list[Job]:
        """Remove jobs unless they run just now, and return those that waited."""

    async def purge(self, before: datetime) -> int:
        """Remove jobs finished before a moment; return how many."""

    async def overwrite_deleted(self) -> None:
        """Make sure that what was removed can't be read from the disk."""


class Erasure:
    """Erases everything stored about messages, a channel, a server or a person.

    Every step retries for a while if the database is away. Large amounts are erased in parts, so
    that other writers need not wait. If an erasure is interrupted, the same one again erases what
    is left. Job records go first: a job that runs meanwhile learns from its missing record that it
    was erased.

    ``answer_dropped`` is called for each request that waited and was dropped with the message or
    the person that it was about.
    """

    def __init__(
        self,
        stores: Stores,
        jobs: QueuedJobs,
        *,
        retention_days: int,
        answer_dropped: Callable[[Job], Awaitable[None]] | None = None,
    ) -> None:
        self._stores = stores
        self._jobs = jobs
        self._retention_days = retention_days
        self._answer_dropped = answer_dropped
        self._log = structlog.get_logger("framehound.erasure")

    async def messages(self, message_ids: Collection[int]) -> None:
        """Erase deleted messages."""
        for some in batched(sorted(message_ids)):
            if await self._erase(Messages(frozenset(some))):
                await self._overwrite_deleted()

    async def removed_clips(self, message_id: int) -> None:
        """Erase a message that had clips and has none any more.

        A command about the clips of another message stays, as these are still there.
        """
        find = self._stores.job_records.find
        record = await retry_storage(lambda: find(message_job_id(message_id)))
        if record is None or record.message_ids == (message_id,):
            await self.messages([message_id])

    async def channel(self, channel_id: int) -> None:
        """Erase a deleted channel with its threads, or a deleted thread."""
        await self._erase(Channel(channel_id))
        await retry_storage(lambda: self._stores.watches.forget_channel(channel_id))
        await retry_storage(lambda: self._stores.saved_queries.forget_channel(channel_id))
        await retry_storage(lambda: self._stores.reply_deletions.forget_channel(channel_id))
        await self._overwrite_deleted()

    async def guild(self, guild_id: int) -> None:
        """Erase a server that removed the bot; billed frames stay, without its ID."""
        await self._erase(Guild(guild_id))
        await retry_storage(lambda: self._stores.watches.forget_guild(guild_id))
        await retry_storage(lambda: self._stores.saved_queries.forget_guild(guild_id))
        await retry_storage(lambda: self._stores.settings.forget(guild_id))
        await retry_storage(lambda: self._stores.usage.disown(guild_owner(guild_id)))
        await self._overwrite_deleted()

    async def person(self, user_id: int) -> int:
        """Erase a person; return how many of their messages and commands something was stored of.

        Their opting out stays.
        """
        count = await retry_storage(lambda: self._stores.job_records.count(user_id))
        count += len(await retry_storage(lambda: self._stores.saved_queries.of_person(user_id)))
        await self._erase(Person(user_id))
        await retry_storage(lambda: self._stores.saved_queries.forget_person(user_id))
        await retry_storage(lambda: self._stores.usage.disown(person_owner(user_id)))
        await self._overwrite_deleted()
        return count

    async def _erase(self, scope: Scope) -> bool:
        """Erase job records with their jobs, then what else is queued, searches and clips.

        Return whether there was anything.
        """
        found, dropped = False, []
        while part := await retry_storage(lambda: self._stores.job_records.erase(scope)):
            found = True
            ends = [job.job_id for job in part if _ends_with(job, scope)]
            dropped += await self._forget_jobs(ends)
            await self._erase_clips(_slash_commands(part))
        dropped += await self._forget_jobs(await self._unrecorded_jobs(scope))
        await retry_storage(lambda: self._stores.index_runs.erase(scope))
        await retry_storage(lambda: self._stores.recent_searches.erase(scope))
        found |= await self._erase_clips(scope)
        for job in dropped:
            if self._answer_dropped and _awaits_answer(job, scope):
                await self._answer_dropped(job)
        return found

    async def _erase_clips(self, scope: Scope) -> bool:
        found = False
        while await retry_storage(lambda: self._stores.posted_clips.erase(scope)):
            found = True
        return found

    async def _unrecorded_jobs(self, scope: Scope) -> list[str]:
        """Return the jobs of a scope whose record could not be written, or is erased already."""
        if isinstance(scope, Messages):
            return [message_job_id(number) for number in scope.ids]
        return await retry_storage(lambda: self._jobs.about(scope))

    async def _forget_jobs(self, job_ids: Collection[str]) -> list[Job]:
        return await retry_storage(lambda: self._jobs.forget(job_ids))

    async def _overwrite_deleted(self) -> None:
        await self._stores.database.overwrite_deleted()
        await self._jobs.overwrite_deleted()

    async def purge(self) -> None:
        """Erase what is older than it may get; raises ``StorageUnavailable``.

        Each kind is purged on its own: if one can't be, the others don't grow without end.
        """
        stores, days = self._stores, self._retention_days
        finished = datetime.now(UTC) - timedelta(days=_FINISHED_DAYS)
        purged = {
            "job_records": await self._purged(stores.job_records.purge(days)),
            "clips": await self._purged(stores.posted_clips.purge(days)),
            "usage": await self._purged(stores.usage.purge()),
            "index_runs": await self._purged(stores.index_runs.purge()),
            "searches": await self._purged(stores.recent_searches.purge()),
            "jobs": await self._purged(self._jobs.purge(finished)),
        }
        await self._overwrite_deleted()
        self._log.info("expired records purged", **purged)

    async def _purged(self, purge: Awaitable[int]) -> int:
        try:
            return await purge
        except StorageUnavailable:
            raise
        except Exception:  # noqa: BLE001 - logged with its traceback; it may work tomorrow
            self._log.exception("purge failed")
            return 0

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


def _awaits_answer(job: Job, scope: Scope) -> bool:
    """Return whether somebody waits for an answer to a job, and there is a place for it."""
    match scope:
        case Messages(ids):
            return job.requested and job.message_id not in ids
        case Person():
            return job.requested
        case _:
            return False


def _slash_commands(jobs: Sequence[ErasedJob]) -> Messages:
    """Return what stands for the messages of slash commands, which have none but their reply."""
    return Messages(frozenset(filter(None, (interaction_of(job.job_id) for job in jobs))))


def _ends_with(job: ErasedJob, scope: Scope) -> bool:
    """Return whether a job is removed from the queue, too.

    If only the reply to a message was deleted, its job stays there as done, so that an edit of the
    message is not answered. A command ends with its reply.
    """
    if not isinstance(scope, Messages) or interaction_of(job.job_id):
        return True
    return not scope.ids.isdisjoint(job.message_ids)
