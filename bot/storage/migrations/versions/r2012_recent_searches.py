"""The last searches of each person."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "2012"
down_revision = "2011"


def upgrade() -> None:
    """Create the table."""
    op.create_table(
        "recent_searches",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("user_id", sa.BigInteger(), nullable=False),
        sa.Column("guild_id", sa.BigInteger()),
        sa.Column("request", sa.Text(), nullable=False),
        sa.Column("searched_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_recent_searches"),
        sqlite_autoincrement=True,
    )
    for column in ("user_id", "guild_id", "searched_at"):
        op.create_index(f"ix_recent_searches_{column}", "recent_searches", [column])
