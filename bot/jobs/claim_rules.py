"""Which waiting jobs a worker may take, so that one person leaves room for others.

They are SQL conditions that ``dbos_runtime`` adds to DBOS' own query for the next jobs of an owner.
The bounds of a worker and of an owner are DBOS' own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import and_, func, literal_column, or_, select

from bot.domain.job import PERSON_OWNER

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import ColumnElement, FromClause

WAITING, RUNNING = "ENQUEUED", "PENDING"
# DBOS' index covers jobs in these states. SQLite uses it for a query that repeats its condition.
_INDEXED: list[ColumnElement[str]] = [literal_column(f"'{state}'") for state in (WAITING, RUNNING)]


@dataclass(frozen=True, slots=True)
class ClaimRules:
    """How many jobs run at once for one person of a server, and for all people outside of servers.

    Outside of servers each person is an owner, and has one job at a time; together they have
    ``outside`` places of a worker.
    """

    per_person: int
    outside: int

    def conditions(
        self, jobs: FromClause, queue: str, owner: str, worker_id: str
    ) -> Iterator[ColumnElement[bool]]:
        """Yield the conditions on the jobs of one owner, in the table ``jobs``."""
        if not owner.startswith(PERSON_OWNER):
            yield self._is_in_a_persons_share(jobs, queue, owner, self.per_person)
            return
        yield self._is_in_a_persons_share(jobs, queue, owner, 1)
        yield self._outside_has_room(jobs.alias(), queue, worker_id)

    def _is_in_a_persons_share(
        self, jobs: FromClause, queue: str, owner: str, per_person: int
    ) -> ColumnElement[bool]:
        """Count a person's running jobs, then those that have waited longest."""
        one, other = jobs.alias(), jobs.alias()
        running = (
            select(one.c.authenticated_user, func.count().label("jobs"))
            .where(_in_state(one, RUNNING, queue), one.c.queue_partition_key == owner)
            .group_by(one.c.authenticated_user)
            .subquery()
        )
        place = func.row_number().over(
            partition_by=other.c.authenticated_user,
            order_by=(other.c.priority, other.c.created_at, other.c.workflow_uuid),
        )
        waiting = (
            select(other.c.workflow_uuid, other.c.authenticated_user, place.label("place"))
            .where(_in_state(other, WAITING, queue), other.c.queue_partition_key == owner)
            .subquery()
        )
        same = waiting.c.authenticated_user == running.c.authenticated_user
        allowed = (
            select(waiting.c.workflow_uuid)
            .select_from(waiting.outerjoin(running, same))
            .where(waiting.c.place + func.coalesce(running.c.jobs, 0) <= per_person)
        )
        # Jobs that an earlier version queued name no person.
        return or_(jobs.c.authenticated_user.is_(None), jobs.c.workflow_uuid.in_(allowed))

    def _outside_has_room(
        self, jobs: FromClause, queue: str, worker_id: str
    ) -> ColumnElement[bool]:
        running = select(func.count()).where(
            _in_state(jobs, RUNNING, queue),
            jobs.c.executor_id == worker_id,
            jobs.c.queue_partition_key.startswith(PERSON_OWNER, autoescape=True),
        )
        return running.scalar_subquery() < self.outside


def _in_state(jobs: FromClause, state: str, queue: str) -> ColumnElement[bool]:
    columns = jobs.c
    return and_(
        columns.queue_name == queue,
        columns.status == state,
        columns.status.in_(_INDEXED),
        columns.queue_partition_key.is_not(None),
    )
