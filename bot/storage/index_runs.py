"""Index runs, and the messages that each still has to do."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import delete, insert, select, update

from bot.domain.erasure import Channel, Guild, Messages, Person
from bot.domain.index_run import FoundMessage, IndexRun, IndexState
from bot.domain.job import Reply
from bot.storage.tables import index_messages, index_runs

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import ColumnElement, Delete, Update

    from bot.domain.erasure import Scope
    from bot.storage.database import Database

_runs, _messages = index_runs.c, index_messages.c
_KEPT_DAYS = 1


class IndexRunStore:
    """Index runs by ID."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(
        self, guild_id: int, started_by: int | None, found: Sequence[FoundMessage]
    ) -> IndexRun:
        """Store a priced run with the messages it has to do; it replaces one never started."""
        clips = sum(message.clips for message in found)
        run = {
            "guild_id": guild_id,
            "started_by": started_by,
            "state": IndexState.PRICED,
            "clips": clips,
            "tagged": 0,
            "refused": 0,
            "created_at": datetime.now(UTC),
        }
        await self._delete((_runs.guild_id == guild_id) & (_runs.state == IndexState.PRICED))
        async with self._database.writing() as connection:
            number = (
                await connection.execute(insert(index_runs).values(run).returning(_runs.id))
            ).scalar_one()
            rows = [
                {
                    "run": number,
                    "message_id": message.message_id,
                    "channel_id": message.channel_id,
                    "clips": message.clips,
                    "author_id": message.author_id,
                }
                for message in found
            ]
            if rows:
                await connection.execute(insert(index_messages), rows)
        return IndexRun(number, guild_id, started_by, IndexState.PRICED, clips)

    async def find(self, run_id: int) -> IndexRun | None:
        """Return a run, if there is one."""
        async with self._database.reading() as connection:
            query = select(index_runs).where(_runs.id == run_id)
            row = (await connection.execute(query)).one_or_none()
        return _read(row) if row else None

    async def running(self) -> list[IndexRun]:
        """Return the runs that run, the oldest first."""
        query = select(index_runs).where(_runs.state == IndexState.RUNNING).order_by(_runs.id)
        async with self._database.reading() as connection:
            return [_read(row) for row in await connection.execute(query)]

    async def of_guild(self, guild_id: int) -> IndexRun | None:
        """Return the run that runs in a server, if there is one."""
        return next((run for run in await self.running() if run.guild_id == guild_id), None)

    async def start(self, run_id: int) -> None:
        """Let a priced run begin."""
        priced = (_runs.id == run_id) & (_runs.state == IndexState.PRICED)
        await self._update(priced, state=IndexState.RUNNING)

    async def show_in(self, run_id: int, shown: Reply) -> None:
        """Save which message shows the progress of a run."""
        where = {"shown_channel_id": shown.channel_id, "shown_id": shown.message_id}
        await self._update(_runs.id == run_id, **where)

    async def end(self, run_id: int, state: IndexState) -> None:
        """End a run that runs, and delete what it still had to do."""
        running = _runs.id == run_id, _runs.state == IndexState.RUNNING
        await self._execute(
            update(index_runs).where(*running).values(state=state),
            delete(index_messages).where(_messages.run == run_id),
        )

    async def next_message(self, run_id: int) -> tuple[int, int] | None:
        """Return the channel and the message to do next, the newest; None if there is none."""
        query = (
            select(_messages.channel_id, _messages.message_id)
            .where(_messages.run == run_id)
            .order_by(_messages.message_id.desc())
            .limit(1)
        )
        async with self._database.reading() as connection:
            row = (await connection.execute(query)).one_or_none()
        return (row.channel_id, row.message_id) if row else None

    async def count(self, run_id: int, message_id: int, tagged: int) -> None:
        """Count the clips of a message as done, of which so many were tagged."""
        message = _messages.run == run_id, _messages.message_id == message_id
        query = select(_messages.clips).where(*message)
        async with self._database.writing() as connection:
            clips = await connection.scalar(query)
            if clips is None:  # it was counted before, by a process that died then
                return
            await connection.execute(delete(index_messages).where(*message))
            await connection.execute(
                update(index_runs)
                .where(_runs.id == run_id)
                .values(
                    tagged=_runs.tagged + tagged, refused=_runs.refused + max(0, clips - tagged)
                )
            )

    async def erase(self, scope: Scope) -> None:
        """Erase what is stored about a scope; messages of threads are found gone by their run."""
        match scope:
            case Messages(ids):
                await self._forget(_messages.message_id.in_(ids))
            case Channel(channel_id):
                await self._forget(_messages.channel_id == channel_id)
                await self._update(
                    _runs.shown_channel_id == channel_id, shown_channel_id=None, shown_id=None
                )
            case Guild(guild_id):
                await self._delete(_runs.guild_id == guild_id)
            case Person(user_id):
                await self._forget(_messages.author_id == user_id)
                await self._update(_runs.started_by == user_id, started_by=None)

    async def purge(self) -> int:
        """Delete runs that ended, or were never started, over a day ago; return how many."""
        old = _runs.created_at < datetime.now(UTC) - timedelta(days=_KEPT_DAYS)
        return await self._delete(old & (_runs.state != IndexState.RUNNING))

    async def _forget(self, which: ColumnElement[bool]) -> None:
        """Forget messages; most are in no run, which costs one read."""
        async with self._database.reading() as connection:
            known = await connection.scalar(select(_messages.run).where(which).limit(1))
        if known is not None:
            await self._execute(delete(index_messages).where(which))

    async def _update(self, which: ColumnElement[bool], **values: Any) -> None:
        await self._execute(update(index_runs).where(which).values(**values))

    async def _delete(self, which: ColumnElement[bool]) -> int:
        of_runs = _messages.run.in_(select(_runs.id).where(which))
        return await self._execute(
            delete(index_messages).where(of_runs), delete(index_runs).where(which)
        )

    async def _execute(self, *statements: Update | Delete) -> int:
        """Execute statements in one transaction; return how many rows the last one changed."""
        changed = 0
        async with self._database.writing() as connection:
            for statement in statements:
                changed = (await connection.execute(statement)).rowcount
        return changed


def _read(row: Any) -> IndexRun:
    return IndexRun(
        id=row.id,
        guild_id=row.guild_id,
        started_by=row.started_by,
        state=IndexState(row.state),
        clips=row.clips,
        tagged=row.tagged,
        refused=row.refused,
        shown=Reply(row.shown_channel_id, row.shown_id) if row.shown_id else None,
    )
