"""Frames used by people and by new servers, each of which may use a part of a budget."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "2010"
down_revision = "2009"


def upgrade() -> None:
    """Create the table; nothing counts that was used before."""
    op.create_table(
        "usage_shares",
        sa.Column("holder", sa.Text(), nullable=False),
        sa.Column("period", sa.Text(), nullable=False),
        sa.Column("frames", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("holder", "period", name="pk_usage_shares"),
    )
