"""Tags that people marked as wrong for a clip."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "2011"
down_revision = "2010"


def upgrade() -> None:
    """Create the table."""
    op.create_table(
        "tag_corrections",
        sa.Column("guild_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("fingerprint", sa.Text(), nullable=False),
        sa.Column("concept", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("corrected_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["concept"], ["search_concepts.id"], name="fk_tag_corrections_concept"
        ),
        sa.PrimaryKeyConstraint("guild_id", "fingerprint", "concept", name="pk_tag_corrections"),
    )
    op.create_index("ix_tag_corrections_fingerprint", "tag_corrections", ["fingerprint"])
