"""Job records: the outcome of each job and its reply, for the buttons and for erasure."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import delete, or_, select, update

from bot.domain.job import Reply
from bot.domain.outcome import outcome_from_json, outcome_to_json
from bot.storage.database import batched
from bot.storage.retention import is_expired
from bot.storage.tables import job_record_messages, job_records

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from sqlalchemy import ColumnElement

    from bot.domain.outcome import Outcome
    from bot.storage.database import Database

_columns = job_records.c


@dataclass(frozen=True, slots=True)
class JobRecord:
    """The outcomes of a job, and the messages and people it is about.

    ``outcomes`` is empty until the clips are tagged. If one of ``message_ids`` is deleted, so is
    the reply. ``people`` are those who posted the clips or requested the job. ``reply`` is None
    until there is one.
    """

    job_id: str
    channel_id: int
    outcomes: tuple[Outcome, ...] = ()
    guild_id: int | None = None
    message_ids: tuple[int, ...] = ()
    people: tuple[int, ...] = ()
    reply: Reply | None = None


class JobRecordStore:
    """Job records by job ID; the ways to erase return the replies of erased jobs."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, record: JobRecord) -> None:
        """Add a record, unless there is one for the job already."""
        row = {
            "job_id": record.job_id,
            "guild_id": record.guild_id,
            "channel_id": record.channel_id,
            "people": json.dumps(record.people),
            "clips": _outcomes_to_json(record.outcomes),
            "created_at": datetime.now(UTC),
        }
        links = [{"message_id": m, "job_id": record.job_id} for m in record.message_ids]
        async with self._database.writing() as connection:
            insert = self._database.insert(job_records).on_conflict_do_nothing()
            await connection.execute(insert, [row])
            if links:
                await connection.execute(
                    self._database.insert(job_record_messages).on_conflict_do_nothing(), links
                )

    async def save_outcomes(self, job_id: str, outcomes: Sequence[Outcome]) -> bool:
        """Save the outcomes of a job's clips; return False if its record was erased."""
        return await self._update(job_id, clips=_outcomes_to_json(outcomes))

    async def save_reply(self, job_id: str, reply: Reply) -> bool:
        """Save where the reply to a job is; return False if its record was erased."""
        where = {"reply_channel_id": reply.channel_id, "reply_id": reply.message_id}
        return await self._update(job_id, **where)

    async def find(self, job_id: str) -> JobRecord | None:
        """Return the record of a job, if there is one."""
        links = select(job_record_messages.c.message_id).where(
            job_record_messages.c.job_id == job_id
        )
        async with self._database.reading() as connection:
            query = select(job_records).where(_columns.job_id == job_id)
            row = (await connection.execute(query)).one_or_none()
            messages = tuple((await connection.scalars(links)).all())
        return replace(_read(row), message_ids=messages) if row else None

    async def erase_messages(self, message_ids: Collection[int]) -> list[Reply]:
        """Erase the jobs about some messages, and those whose replies were deleted."""
        replies: list[Reply] = []
        for ids in batched(sorted(message_ids)):
            which = _about_messages(ids)
            async with self._database.reading() as connection:
                known = await connection.scalar(select(_columns.job_id).where(which).limit(1))
            if known is not None:
                replies += _replies(await self._erase(which))
        return [reply for reply in replies if reply.message_id not in message_ids]

    async def erase_channel(self, channel_id: int) -> list[Reply]:
        """Erase the jobs of a channel."""
        here = or_(_columns.channel_id == channel_id, _columns.reply_channel_id == channel_id)
        return _replies(await self._erase(here))

    async def erase_guild(self, guild_id: int) -> None:
        """Erase the jobs of a server."""
        await self._erase(_columns.guild_id == guild_id)

    async def purge(self, max_days: int) -> int:
        """Erase what is older than its server wants, or than ``max_days``; return how many."""
        columns = _columns.guild_id, _columns.created_at
        return len(await self._erase(await is_expired(self._database, *columns, max_days)))

    async def _update(self, job_id: str, **values: Any) -> bool:
        statement = update(job_records).where(_columns.job_id == job_id).values(**values)
        async with self._database.writing() as connection:
            return bool((await connection.execute(statement)).rowcount)

    async def _erase(self, which: ColumnElement[bool]) -> list[JobRecord]:
        returning = delete(job_records).where(which).returning(job_records)
        async with self._database.writing() as connection:
            erased = (await connection.execute(returning)).all()
            for jobs in batched([row.job_id for row in erased]):
                about = delete(job_record_messages).where(job_record_messages.c.job_id.in_(jobs))
                await connection.execute(about)
        return [_read(row) for row in erased]


def _about_messages(ids: Sequence[int]) -> ColumnElement[bool]:
    about = job_record_messages.c.message_id.in_(ids)
    jobs = select(job_record_messages.c.job_id).where(about)
    return or_(_columns.job_id.in_(jobs), _columns.reply_id.in_(ids))


def _replies(erased: Iterable[JobRecord]) -> list[Reply]:
    return [record.reply for record in erased if record.reply]


def _outcomes_to_json(outcomes: Iterable[Outcome]) -> str:
    return json.dumps([outcome_to_json(each) for each in outcomes])


def _read(row: Any) -> JobRecord:
    reply = Reply(row.reply_channel_id, row.reply_id) if row.reply_id else None
    return JobRecord(
        job_id=row.job_id,
        channel_id=row.channel_id,
        outcomes=tuple(map(outcome_from_json, json.loads(row.clips))),
        guild_id=row.guild_id,
        people=tuple(json.loads(row.people)),
        reply=reply,
    )
