"""Index runs, and the messages that each still has to do."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "2004"
down_revision = "2003"


def upgrade() -> None:
    """Create the two tables."""
    op.create_table(
        "index_runs",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("guild_id", sa.BigInteger(), nullable=False),
        sa.Column("started_by", sa.BigInteger()),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("clips", sa.Integer(), nullable=False),
        sa.Column("tagged", sa.Integer(), nullable=False),
        sa.Column("refused", sa.Integer(), nullable=False),
        sa.Column("shown_channel_id", sa.BigInteger()),
        sa.Column("shown_id", sa.BigInteger()),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_index_runs"),
    )
    op.create_index("ix_index_runs_guild_id", "index_runs", ["guild_id"])
    op.create_index("ix_index_runs_state", "index_runs", ["state"])
    op.create_table(
        "index_messages",
        sa.Column("run", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("message_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("channel_id", sa.BigInteger(), nullable=False),
        sa.Column("clips", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["run"], ["index_runs.id"], name="fk_index_messages_run", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("run", "message_id", name="pk_index_messages"),
    )
    op.create_index("ix_index_messages_message_id", "index_messages", ["message_id"])
    op.create_index("ix_index_messages_channel_id", "index_messages", ["channel_id"])
