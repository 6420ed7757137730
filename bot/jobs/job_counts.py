"""How many jobs wait and run, read from the queue's own table.

The table is DBOS', who document it for such use (https://docs.dbos.dev/explanations/system-tables).
"""

from __future__ import annotations

import time
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from sqlalchemy import column, func, select, table
from sqlalchemy.exc import SQLAlchemyError

from bot.storage.address import DatabaseAddress
from bot.storage.database import BUSY_TIMEOUT
from bot.storage.engine import create_engine
from bot.storage.errors import StorageUnavailable

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Collection, Sequence
    from typing import Any

    from sqlalchemy import Row, Select
    from sqlalchemy.ext.asyncio import AsyncEngine

_WAITING, _RUNNING = "ENQUEUED", "PENDING"
_POSTGRES_SCHEMA = "dbos"


@dataclass(frozen=True, slots=True)
class QueueFigures:
    """Jobs that wait and that run, and the seconds the first of those that wait has waited."""

    waiting: int
    running: int
    age: float


class JobCounts:
    """Counts the jobs of one queue."""

    def __init__(self, engine: AsyncEngine, queue: str, schema: str | None) -> None:
        self._engine = engine
        names = ("workflow_uuid", "queue_name", "queue_partition_key", "status", "created_at")
        self._jobs = table("workflow_status", *map(column, names), schema=schema)
        self._ours = self._jobs.c.queue_name == queue

    @classmethod
    @asynccontextmanager
    async def open(cls, url: str, queue: str) -> AsyncIterator[Self]:
        """Open the queue's database, whose tables are there already."""
        address = DatabaseAddress.parse(url)
        engine = await create_engine(address, BUSY_TIMEOUT)
        try:
            yield cls(engine, queue, None if address.path else _POSTGRES_SCHEMA)
        finally:
            await engine.dispose()

    async def waiting_for(self, owner: str, most: int) -> int:
        """Return how many jobs of one owner wait; nobody counts beyond ``most``."""
        columns = self._jobs.c
        waiting = columns.status == _WAITING, columns.queue_partition_key == owner
        query = select(columns.status).where(self._ours, *waiting).limit(most)
        return len(await self._rows(query))

    async def knows(self, job_id: str) -> bool:
        """Tell whether a job was ever accepted."""
        query = select(self._jobs.c.status).where(self._jobs.c.workflow_uuid == job_id)
        return bool(await self._rows(query))

    async def at_rest(self, job_ids: Collection[str]) -> list[str]:
        """Return those of some jobs that are known and not under way."""
        columns = self._jobs.c
        query = select(columns.workflow_uuid).where(
            columns.workflow_uuid.in_(sorted(job_ids)), columns.status != _RUNNING
        )
        return [row.workflow_uuid for row in await self._rows(query)]

    async def figures(self) -> QueueFigures:
        """Count what waits and what runs."""
        columns = self._jobs.c
        query = (
            select(
                columns.status,
                func.count().label("jobs"),
                func.min(columns.created_at).label("oldest"),
            )
            .where(self._ours, columns.status.in_((_WAITING, _RUNNING)))
            .group_by(columns.status)
        )
        found = {row.status: (row.jobs, row.oldest) for row in await self._rows(query)}
        waiting, oldest = found.get(_WAITING, (0, None))
        age = 0.0 if oldest is None else max(0.0, time.time() - oldest / 1000)
        return QueueFigures(waiting, found.get(_RUNNING, (0, None))[0], age)

    async def _rows(self, query: Select[Any]) -> Sequence[Row[Any]]:
        try:
            async with self._engine.connect() as connection:
                rows: Sequence[Row[Any]] = (await connection.execute(query)).all()
                return rows
        except SQLAlchemyError as error:
            raise StorageUnavailable(detail=type(error).__name__) from error
