"""Which waiting jobs a worker may take, so that people share the places of their server.

They are SQL conditions that ``dbos_runtime`` adds to DBOS' own query for the next jobs of an owner.
The bounds of a worker and of an owner are DBOS' own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import and_, func, literal_column, select

from bot.domain.job import PERSON_OWNER

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import ColumnElement, FromClause, Subquery

NO_PERSON = 0
"""Stands for the person of jobs that webhooks and bots posted."""
WAITING, RUNNING = "ENQUEUED", "PENDING"
# DBOS' index covers jobs in these states. SQLite uses it for a query that repeats its condition.
_INDEXED: list[ColumnElement[str]] = [literal_column(f"'{state}'") for state in (WAITING, RUNNING)]


@dataclass(frozen=True, slots=True)
class ClaimRules:
    """How many jobs run at once for one server, and for all people outside of servers.

    The people of a server share its ``places``: the next one goes to whoever has the fewest jobs
    running. Somebody who is alone has all of them. Outside of servers each person is an owner, and
    has one job at a time; together they have ``outside`` places of a worker.
    """

    places: int
    outside: int

    def conditions(
        self, jobs: FromClause, queue: str, owner: str, worker_id: str
    ) -> Iterator[ColumnElement[bool]]:
        """Yield the conditions on the jobs of one owner, in the table ``jobs``."""
        if not owner.startswith(PERSON_OWNER):
            yield self._is_next(jobs, queue, owner, self.places)
            return
        yield self._is_next(jobs, queue, owner, 1)
        yield self._outside_has_room(jobs.alias(), queue, worker_id)

    def _is_next(
        self, jobs: FromClause, queue: str, owner: str, places: int
    ) -> ColumnElement[bool]:
        """Return the condition that a job is among the next for the places that are free."""
        each, queued = jobs.alias(), _numbered(jobs.alias(), queue, owner)
        running = select(func.count()).where(
            _in_state(each, RUNNING, queue), each.c.queue_partition_key == owner
        )
        turn = func.row_number().over(order_by=(queued.c.number, *_first_come(queued)))
        ranked = select(queued.c.workflow_uuid, turn.label("turn")).subquery()
        free = places - running.scalar_subquery()
        return jobs.c.workflow_uuid.in_(select(ranked.c.workflow_uuid).where(ranked.c.turn <= free))

    def _outside_has_room(
        self, jobs: FromClause, queue: str, worker_id: str
    ) -> ColumnElement[bool]:
        running = select(func.count()).where(
            _in_state(jobs, RUNNING, queue),
            jobs.c.executor_id == worker_id,
            jobs.c.queue_partition_key.startswith(PERSON_OWNER, autoescape=True),
        )
        return running.scalar_subquery() < self.outside


def _numbered(jobs: FromClause, queue: str, owner: str) -> Subquery:
    """Return an owner's waiting jobs, each person's numbered on from how many they have running."""
    each, person = jobs.alias(), _person(jobs)
    running = (
        select(_person(each).label("person"), func.count().label("jobs"))
        .where(_in_state(each, RUNNING, queue), each.c.queue_partition_key == owner)
        .group_by(_person(each))
        .subquery()
    )
    place = func.row_number().over(partition_by=person, order_by=_first_come(jobs))
    return (
        select(
            jobs.c.workflow_uuid,
            jobs.c.priority,
            jobs.c.created_at,
            (place + func.coalesce(running.c.jobs, 0)).label("number"),
        )
        .select_from(jobs.outerjoin(running, running.c.person == person))
        .where(_in_state(jobs, WAITING, queue), jobs.c.queue_partition_key == owner)
        .subquery()
    )


def _person(jobs: FromClause) -> ColumnElement[str]:
    """Return whose a job is; an earlier version named nobody in jobs that webhooks posted."""
    return func.coalesce(jobs.c.authenticated_user, literal_column(f"'{NO_PERSON}'"))


def _first_come(jobs: FromClause) -> tuple[ColumnElement[object], ...]:
    return jobs.c.priority, jobs.c.created_at, jobs.c.workflow_uuid


def _in_state(jobs: FromClause, state: str, queue: str) -> ColumnElement[bool]:
    columns = jobs.c
    return and_(
        columns.queue_name == queue,
        columns.status == state,
        columns.status.in_(_INDEXED),
        columns.queue_partition_key.is_not(None),
    )
