"""Perceptual hashes of tagged clips."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "2009"
down_revision = "2008"

_KEYS = [f"key_{number}" for number in range(1, 8)]


def upgrade() -> None:
    """Create the table; clips tagged so far have no hashes."""
    op.create_table(
        "perceptual_hashes",
        sa.Column("tagging", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("duration", sa.BigInteger(), nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.Column("original", sa.Boolean(), nullable=False),
        *(sa.Column(key, sa.Integer()) for key in _KEYS),
        sa.ForeignKeyConstraint(
            ["tagging"],
            ["search_taggings.id"],
            name="fk_perceptual_hashes_tagging",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("tagging", name="pk_perceptual_hashes"),
    )
    for key in _KEYS:
        name = f"ix_perceptual_hashes_{key}_duration"
        op.create_index(name, "perceptual_hashes", [key, "duration"])
