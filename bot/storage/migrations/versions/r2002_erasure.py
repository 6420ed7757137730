"""What erasure needs: the people of a job, its thread's channel, and replies still to delete.

Billed frames lose the ID of their message: each payer keeps one sum a month.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "2002"
down_revision = "2001"

_PEOPLE = {
    "postgresql": "INSERT INTO job_record_people SELECT DISTINCT person.id::bigint, job_id"
    " FROM job_records, json_array_elements_text(people::json) AS person(id)",
    "sqlite": "INSERT INTO job_record_people SELECT DISTINCT person.value, job_id"
    " FROM job_records, json_each(people) AS person",
}


def upgrade() -> None:
    """Create and change the tables."""
    op.create_index("ix_taggings_created_at", "taggings", ["created_at"])
    _create_job_record_people()
    _add_parents()
    _create_reply_deletions()
    _sum_up_usage()


def _create_job_record_people() -> None:
    op.create_table(
        "job_record_people",
        sa.Column("user_id", sa.BigInteger, autoincrement=False, nullable=False),
        sa.Column("job_id", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("user_id", "job_id", name="pk_job_record_people"),
    )
    op.create_index("ix_job_record_people_job_id", "job_record_people", ["job_id"])
    op.execute(_PEOPLE[op.get_bind().dialect.name])
    op.drop_column("job_records", "people")


def _add_parents() -> None:
    op.add_column("job_records", sa.Column("parent_id", sa.BigInteger, nullable=True))
    op.create_index("ix_job_records_parent_id", "job_records", ["parent_id"])
    op.execute(
        "UPDATE job_records SET parent_id = (SELECT max(parent_id) FROM posted_clips"
        " WHERE posted_clips.channel_id = job_records.channel_id)"
    )


def _create_reply_deletions() -> None:
    op.create_table(
        "reply_deletions",
        sa.Column("message_id", sa.BigInteger, autoincrement=False, nullable=False),
        sa.Column("channel_id", sa.BigInteger, nullable=False),
        sa.Column("erased_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("message_id", name="pk_reply_deletions"),
    )
    op.create_index("ix_reply_deletions_channel_id", "reply_deletions", ["channel_id"])


def _sum_up_usage() -> None:
    op.execute(
        "INSERT INTO usage SELECT month || ' ' || payer, payer, month, SUM(frames) FROM usage"
        " GROUP BY month, payer"
    )
    op.execute("DELETE FROM usage WHERE reference <> month || ' ' || payer")
