"""What was posted where, who wants no part in it, what was billed, how long things are kept."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "posted_clips",
        sa.Column("message_id", sa.BigInteger, nullable=False),
        sa.Column("fingerprint", sa.Text, nullable=False),
        sa.Column("guild_id", sa.BigInteger, nullable=True),
        sa.Column("channel_id", sa.BigInteger, nullable=False),
        sa.Column("author_id", sa.BigInteger, nullable=True),
        sa.Column("posted_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("message_id", "fingerprint", name="pk_posted_clips"),
    )
    for column in ("fingerprint", "guild_id", "channel_id", "author_id", "posted_at"):
        op.create_index(f"ix_posted_clips_{column}", "posted_clips", [column])
    op.create_table(
        "bills",
        sa.Column("reference", sa.Text, nullable=False),
        sa.Column("payer", sa.Text, nullable=False),
        sa.Column("month", sa.Text, nullable=False),
        sa.Column("frames", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("reference", name="pk_bills"),
    )
    op.create_index("ix_bills_month_payer", "bills", ["month", "payer"])
    op.create_table(
        "opted_out",
        sa.Column("user_id", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("user_id", name="pk_opted_out"),
    )
    op.create_table(
        "retentions",
        sa.Column("guild_id", sa.BigInteger, nullable=False),
        sa.Column("days", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("guild_id", name="pk_retentions"),
    )
