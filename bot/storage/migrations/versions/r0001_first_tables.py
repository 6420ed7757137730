"""The first tables: taggings, thresholds, meta."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Create them."""
    op.create_table(
        "taggings",
        sa.Column("fingerprint", sa.Text, nullable=False),
        sa.Column("tagger", sa.Text, nullable=False),
        sa.Column("model", sa.Text, nullable=False),
        sa.Column("revision", sa.Text, nullable=False),
        sa.Column("sampling", sa.Integer, nullable=False),
        sa.Column("format", sa.Text, nullable=False),
        sa.Column("size", sa.BigInteger, nullable=False),
        sa.Column("duration", sa.BigInteger, nullable=False),
        sa.Column("frames", sa.LargeBinary, nullable=False),
        sa.Column("frames_format", sa.SmallInteger, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint(
            "fingerprint", "tagger", "model", "revision", "sampling", name="pk_taggings"
        ),
    )
    op.create_table(
        "thresholds",
        sa.Column("guild_id", sa.BigInteger, nullable=False),
        sa.Column("tagger", sa.Text, nullable=False),
        sa.Column("threshold", sa.Double, nullable=False),
        sa.PrimaryKeyConstraint("guild_id", "tagger", name="pk_thresholds"),
    )
    op.create_table(
        "meta",
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("value", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("key", name="pk_meta"),
    )
