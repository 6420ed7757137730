"""Job records: the outcome of each job and its reply, for the buttons and for erasure."""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import delete, func, or_, select, update

from bot.domain.erasure import Channel, Guild, Messages, Person
from bot.domain.job import Reply
from bot.domain.outcome import outcome_from_json, outcome_to_json
from bot.storage.posted_clips import insert_posted
from bot.storage.retention import is_expired
from bot.storage.slices import Slices
from bot.storage.tables import (
    job_record_messages,
    job_record_people,
    job_records,
    posted_clips,
    reply_deletions,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from sqlalchemy import ColumnElement, Row, Update
    from sqlalchemy.ext.asyncio import AsyncConnection

    from bot.domain.erasure import Scope
    from bot.domain.outcome import Outcome
    from bot.storage.database import Database
    from bot.storage.posted_clips import PostedClip

_columns = job_records.c
_links = job_record_messages.c
_persons = job_record_people.c


@dataclass(frozen=True, slots=True)
class JobRecord:
    """The outcomes of a job, and the messages and people it is about.

    ``outcomes`` is empty until the clips are tagged. If one of ``message_ids`` is deleted, so is
    the reply. ``people`` are those who posted the clips or requested the job. ``reply`` is None
    until there is one. ``parent_id`` is the channel of a thread.
    """

    job_id: str
    channel_id: int
    outcomes: tuple[Outcome, ...] = ()
    guild_id: int | None = None
    message_ids: tuple[int, ...] = ()
    people: tuple[int, ...] = ()
    reply: Reply | None = None
    parent_id: int | None = None


@dataclass(frozen=True, slots=True)
class ErasedJob:
    """A job whose record was erased, and the messages it was about."""

    job_id: str
    message_ids: frozenset[int]


class JobRecordStore:
    """Job records by job ID."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._slices = Slices()

    async def add(self, record: JobRecord) -> None:
        """Add a record, unless there is one for the job already."""
        row = {
            "job_id": record.job_id,
            "guild_id": record.guild_id,
            "channel_id": record.channel_id,
            "parent_id": record.parent_id,
            "clips": _outcomes_to_json(record.outcomes),
            "created_at": datetime.now(UTC),
        }
        messages = [{"message_id": m, "job_id": record.job_id} for m in record.message_ids]
        people = [{"user_id": user, "job_id": record.job_id} for user in record.people]
        async with self._database.writing() as connection:
            for table, rows in (
                (job_records, [row]),
                (job_record_messages, messages),
                (job_record_people, people),
            ):
                if rows:
                    insert = self._database.insert(table).on_conflict_do_nothing()
                    await connection.execute(insert, rows)

    async def save_outcomes(
        self, job_id: str, outcomes: Sequence[Outcome], posted: Sequence[PostedClip] = ()
    ) -> bool:
        """Save the outcomes of a job and the clips it posted; return False if it was erased.

        All in one transaction: an erasure comes before, and nothing is saved, or it finds both.
        """
        changed = _of_job(job_id).values(clips=_outcomes_to_json(outcomes))
        async with self._database.writing() as connection:
            exists = bool((await connection.execute(changed)).rowcount)
            if exists:
                await insert_posted(self._database, connection, posted)
        return exists

    async def save_reply(self, job_id: str, reply: Reply) -> bool:
        """Save where the reply to a job is; return False if its record was erased."""
        where = {"reply_channel_id": reply.channel_id, "reply_id": reply.message_id}
        async with self._database.writing() as connection:
            return bool((await connection.execute(_of_job(job_id).values(where))).rowcount)

    async def find(self, job_id: str) -> JobRecord | None:
        """Return the record of a job, if there is one."""
        links = select(_links.message_id).where(_links.job_id == job_id)
        persons = select(_persons.user_id).where(_persons.job_id == job_id)
        async with self._database.reading() as connection:
            query = select(job_records).where(_columns.job_id == job_id)
            row = (await connection.execute(query)).one_or_none()
            messages = tuple((await connection.scalars(links.order_by(_links.message_id))).all())
            people = tuple((await connection.scalars(persons.order_by(_persons.user_id))).all())
        return replace(_read(row), message_ids=messages, people=people) if row else None

    async def exists(self, job_id: str) -> bool:
        """Return whether there is a record of a job."""
        query = select(_columns.job_id).where(_columns.job_id == job_id)
        async with self._database.reading() as connection:
            return (await connection.execute(query)).first() is not None

    async def count(self, user_id: int) -> int:
        """Return of how many messages and commands of a person something is stored.

        These are the jobs about their clips or that they asked for, and messages with their clips
        whose reply, and with it the record, was removed.
        """
        jobs = select(func.count()).where(_persons.user_id == user_id)
        recorded = (
            select(_links.message_id)
            .join(job_record_people, _persons.job_id == _links.job_id)
            .where(_persons.user_id == user_id, _links.message_id == posted_clips.c.message_id)
        )
        others = select(func.count(posted_clips.c.message_id.distinct())).where(
            posted_clips.c.author_id == user_id, ~recorded.exists()
        )
        async with self._database.reading() as connection:
            return sum([await connection.scalar(query) or 0 for query in (jobs, others)])

    async def erase(self, scope: Scope) -> list[ErasedJob]:
        """Erase the next records of a scope, a limited number; return an empty list at the end.

        What is erased with a person or a message leaves its reply to ``reply_deletions``. The
        others' replies are gone with their channel.
        """
        replies_stay = isinstance(scope, (Messages, Person))
        deleted = scope.ids if isinstance(scope, Messages) else frozenset()
        return await self._erase(_in_scope(scope), deletes_replies=replies_stay, deleted=deleted)

    async def erase_job(self, job_id: str) -> None:
        """Erase the record of one job; its reply, if there is one, is deleted."""
        await self._erase(_columns.job_id == job_id, deletes_replies=True)

    async def purge(self, max_days: int) -> int:
        """Erase what is older than its server wants, or than ``max_days``; return how many."""
        columns = _columns.guild_id, _columns.created_at
        expired = await is_expired(self._database, *columns, max_days)
        erased = 0
        while part := await self._erase(expired):
            erased += len(part)
        return erased

    async def _erase(
        self,
        which: ColumnElement[bool],
        *,
        deletes_replies: bool = False,
        deleted: Collection[int] = (),
    ) -> list[ErasedJob]:
        query = select(_columns.job_id).where(which).limit(self._slices.size)
        async with self._database.reading() as connection:
            job_ids = (await connection.scalars(query)).all()
        if not job_ids:
            return []
        async with self._slices.slice(len(job_ids)), self._database.writing() as connection:
            replies, messages = await _delete(connection, job_ids)
            rows = [_deletion(reply) for reply in replies if reply.message_id not in deleted]
            if rows and deletes_replies:
                insert = self._database.insert(reply_deletions).on_conflict_do_nothing()
                await connection.execute(insert, rows)
        return [ErasedJob(job_id, frozenset(messages[job_id])) for job_id in job_ids]


async def _delete(
    connection: AsyncConnection, job_ids: Sequence[str]
) -> tuple[list[Reply], dict[str, list[int]]]:
    """Delete records; return where their replies are, and the messages of each job."""
    records = delete(job_records).where(_columns.job_id.in_(job_ids))
    gone = await connection.execute(records.returning(job_records))
    replies = [reply for row in gone if (reply := _reply_of(row))]
    messages: defaultdict[str, list[int]] = defaultdict(list)
    links = delete(job_record_messages).where(_links.job_id.in_(job_ids))
    for row in await connection.execute(links.returning(_links.job_id, _links.message_id)):
        messages[row.job_id].append(row.message_id)
    await connection.execute(delete(job_record_people).where(_persons.job_id.in_(job_ids)))
    return replies, messages


def _in_scope(scope: Scope) -> ColumnElement[bool]:
    match scope:
        case Messages(ids):
            about = select(_links.job_id).where(_links.message_id.in_(ids))
            return or_(_columns.job_id.in_(about), _columns.reply_id.in_(ids))
        case Channel(channel_id):
            channels = _columns.channel_id, _columns.parent_id, _columns.reply_channel_id
            return or_(*(channel == channel_id for channel in channels))
        case Guild(guild_id):
            return _columns.guild_id == guild_id
        case Person(user_id):
            theirs = select(_persons.job_id).where(_persons.user_id == user_id)
            return _columns.job_id.in_(theirs)


def _of_job(job_id: str) -> Update:
    return update(job_records).where(_columns.job_id == job_id)


def _deletion(reply: Reply) -> dict[str, Any]:
    return {**asdict(reply), "erased_at": datetime.now(UTC)}


def _outcomes_to_json(outcomes: Iterable[Outcome]) -> str:
    return json.dumps([outcome_to_json(each) for each in outcomes])


def _reply_of(row: Row[Any]) -> Reply | None:
    return Reply(row.reply_channel_id, row.reply_id) if row.reply_id else None


def _read(row: Row[Any]) -> JobRecord:
    return JobRecord(
        job_id=row.job_id,
        channel_id=row.channel_id,
        outcomes=tuple(map(outcome_from_json, json.loads(row.clips))),
        guild_id=row.guild_id,
        reply=_reply_of(row),
        parent_id=row.parent_id,
    )
