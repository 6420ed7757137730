"""Turns at services that allow so many calls a second."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Create the table."""
    op.create_table(
        "turns",
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("next", sa.Double, nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_turns"),
    )
