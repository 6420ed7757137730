"""What senses other than the concepts observed in clips, such as text on the screen."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "2006"
down_revision = "2005"


def upgrade() -> None:
    """Create the table."""
    op.create_table(
        "sense_observations",
        sa.Column("fingerprint", sa.Text, nullable=False),
        sa.Column("sense", sa.Text, nullable=False),
        sa.Column("revision", sa.Text, nullable=False),
        sa.Column("observations", sa.LargeBinary, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("fingerprint", "sense", name="pk_sense_observations"),
    )
    op.create_index("ix_sense_observations_created_at", "sense_observations", ["created_at"])
