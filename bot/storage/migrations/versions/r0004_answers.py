"""What servers choose, what was answered where, and small pictures beside taggings."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Create the tables and add the columns."""
    op.create_table(
        "choices",
        sa.Column("guild_id", sa.BigInteger, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("value", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("guild_id", "name", name="pk_choices"),
    )
    op.create_table(
        "reports",
        sa.Column("job_id", sa.Text, nullable=False),
        sa.Column("guild_id", sa.BigInteger, nullable=True),
        sa.Column("channel_id", sa.BigInteger, nullable=False),
        sa.Column("people", sa.Text, nullable=False),
        sa.Column("clips", sa.Text, nullable=False),
        sa.Column("reply_channel_id", sa.BigInteger, nullable=True),
        sa.Column("reply_id", sa.BigInteger, nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("job_id", name="pk_reports"),
    )
    for column in ("guild_id", "channel_id", "reply_channel_id", "reply_id", "created_at"):
        op.create_index(f"ix_reports_{column}", "reports", [column])
    op.create_table(
        "report_messages",
        sa.Column("message_id", sa.BigInteger, nullable=False),
        sa.Column("job_id", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("message_id", "job_id", name="pk_report_messages"),
    )
    op.create_index("ix_report_messages_job_id", "report_messages", ["job_id"])
    op.add_column("taggings", sa.Column("thumbnails", sa.LargeBinary, nullable=True))
    proxied = sa.Column("proxied", sa.Boolean, nullable=False, server_default=sa.false())
    op.add_column("taggings", proxied)
