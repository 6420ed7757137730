"""Queries that people saved, and the personal alerts that are still to be delivered."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "2013"
down_revision = "2012"


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "saved_queries",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("user_id", sa.BigInteger(), nullable=False),
        sa.Column("guild_id", sa.BigInteger(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("author_id", sa.BigInteger()),
        sa.Column("channel_id", sa.BigInteger()),
        sa.PrimaryKeyConstraint("id", name="pk_saved_queries"),
        sa.UniqueConstraint(
            "user_id", "guild_id", "text", name="uq_saved_queries_user_id_guild_id_text"
        ),
    )
    op.create_index("ix_saved_queries_guild_id", "saved_queries", ["guild_id"])
    op.create_table(
        "alert_recipients",
        sa.Column("user_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("language", sa.Text(), nullable=False),
        sa.Column("quiet_from", sa.SmallInteger()),
        sa.Column("quiet_to", sa.SmallInteger()),
        sa.Column("utc_offset", sa.SmallInteger(), nullable=False, server_default="0"),
        sa.Column("failures", sa.SmallInteger(), nullable=False, server_default="0"),
        sa.Column("next_at", sa.DateTime(timezone=True)),
        sa.PrimaryKeyConstraint("user_id", name="pk_alert_recipients"),
    )
    op.create_table(
        "personal_alerts",
        sa.Column("message_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("user_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("query_id", sa.Integer(), nullable=False),
        sa.Column("guild_id", sa.BigInteger(), nullable=False),
        sa.Column("channel_id", sa.BigInteger(), nullable=False),
        sa.Column("parent_id", sa.BigInteger()),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("batch", sa.BigInteger()),
        sa.PrimaryKeyConstraint("message_id", "user_id", name="pk_personal_alerts"),
    )
    for column in ("user_id", "guild_id"):
        op.create_index(f"ix_personal_alerts_{column}", "personal_alerts", [column])
    op.create_table(
        "notified_messages",
        sa.Column("message_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("message_id", name="pk_notified_messages"),
    )
