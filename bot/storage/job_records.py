"""What was answered where, so that a reply can be shown anew and goes when its message goes."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import delete, or_, select, update

from bot.storage.database import batched
from bot.storage.retention import is_expired
from bot.storage.tables import job_record_messages, job_records

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from sqlalchemy import ColumnElement

    from bot.storage.database import Database

_columns = job_records.c


@dataclass(frozen=True, slots=True)
class Reply:
    """Where a reply stands."""

    channel_id: int
    message_id: int


@dataclass(frozen=True, slots=True)
class SavedReport:
    """A job's outcomes and whom they concern.

    ``clips`` has each clip's outcome as JSON values, none before they are known; ``message_ids``
    are the messages whose end is the reply's end, ``people`` who posted the clips or asked about
    them; ``reply`` is None until one was given.
    """

    job_id: str
    channel_id: int
    clips: tuple[dict[str, Any], ...]
    guild_id: int | None = None
    message_ids: tuple[int, ...] = ()
    people: tuple[int, ...] = ()
    reply: Reply | None = None


class ReportStore:
    """Reports by job; each way of forgetting returns the replies that were given."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def save(self, report: SavedReport) -> None:
        """Keep a report, unless it is known already."""
        row = {
            "job_id": report.job_id,
            "guild_id": report.guild_id,
            "channel_id": report.channel_id,
            "people": json.dumps(report.people),
            "clips": json.dumps(report.clips),
            "created_at": datetime.now(UTC),
        }
        links = [{"message_id": m, "job_id": report.job_id} for m in report.message_ids]
        async with self._database.writing() as connection:
            insert = self._database.insert(job_records).on_conflict_do_nothing()
            await connection.execute(insert, [row])
            if links:
                await connection.execute(
                    self._database.insert(job_record_messages).on_conflict_do_nothing(), links
                )

    async def note_clips(self, job_id: str, clips: Sequence[dict[str, Any]]) -> bool:
        """Note what became of a job's clips; return False where its report was forgotten."""
        return await self._note(job_id, clips=json.dumps(clips))

    async def note_reply(self, job_id: str, reply: Reply) -> bool:
        """Note where the reply to a job stands; return False where its report was forgotten."""
        where = {"reply_channel_id": reply.channel_id, "reply_id": reply.message_id}
        return await self._note(job_id, **where)

    async def find(self, job_id: str) -> SavedReport | None:
        """Return what was answered to a job, if it is still known."""
        links = select(job_record_messages.c.message_id).where(
            job_record_messages.c.job_id == job_id
        )
        async with self._database.reading() as connection:
            query = select(job_records).where(_columns.job_id == job_id)
            row = (await connection.execute(query)).one_or_none()
            messages = tuple((await connection.scalars(links)).all())
        return replace(_read(row), message_ids=messages) if row else None

    async def forget_messages(self, message_ids: Collection[int]) -> list[Reply]:
        """Forget what some messages were answered, and replies that were themselves deleted."""
        ids = sorted(message_ids)
        about = select(job_record_messages.c.job_id).where(
            job_record_messages.c.message_id.in_(ids)
        )
        which = or_(_columns.job_id.in_(about), _columns.reply_id.in_(ids))
        async with self._database.reading() as connection:
            known = await connection.scalar(select(_columns.job_id).where(which).limit(1))
        gone = [] if known is None else await self._forget(which)
        return [reply for reply in _replies(gone) if reply.message_id not in message_ids]

    async def forget_channel(self, channel_id: int) -> list[Reply]:
        """Forget a channel that was deleted."""
        here = or_(_columns.channel_id == channel_id, _columns.reply_channel_id == channel_id)
        return _replies(await self._forget(here))

    async def forget_guild(self, guild_id: int) -> None:
        """Forget a server that removed the bot."""
        await self._forget(_columns.guild_id == guild_id)

    async def purge(self, max_days: int) -> int:
        """Forget what is older than its server wants, or than ``max_days``; return how much."""
        columns = _columns.guild_id, _columns.created_at
        return len(await self._forget(await is_expired(self._database, *columns, max_days)))

    async def _note(self, job_id: str, **values: Any) -> bool:
        statement = update(job_records).where(_columns.job_id == job_id).values(**values)
        async with self._database.writing() as connection:
            return bool((await connection.execute(statement)).rowcount)

    async def _forget(self, which: ColumnElement[bool]) -> list[SavedReport]:
        returning = delete(job_records).where(which).returning(job_records)
        async with self._database.writing() as connection:
            gone = (await connection.execute(returning)).all()
            for jobs in batched([row.job_id for row in gone]):
                about = delete(job_record_messages).where(job_record_messages.c.job_id.in_(jobs))
                await connection.execute(about)
        return [_read(row) for row in gone]


def _replies(gone: Iterable[SavedReport]) -> list[Reply]:
    return [report.reply for report in gone if report.reply]


def _read(row: Any) -> SavedReport:
    reply = Reply(row.reply_channel_id, row.reply_id) if row.reply_id else None
    return SavedReport(
        job_id=row.job_id,
        channel_id=row.channel_id,
        clips=tuple(json.loads(row.clips)),
        guild_id=row.guild_id,
        people=tuple(json.loads(row.people)),
        reply=reply,
    )
