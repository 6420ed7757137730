"""An index to find posted clips by what they show, where in a server they are, and watches."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

_KEY = ("fingerprint", "tagger", "model", "revision", "sampling")


def upgrade() -> None:
    """Create the tables and add the columns; taggings are indexed later, some at a time."""
    _create_index()
    op.create_table(
        "watches",
        sa.Column("guild_id", sa.BigInteger, nullable=False),
        sa.Column("normalized", sa.Text, nullable=False),
        sa.Column("tag", sa.Text, nullable=False),
        sa.Column("channel_id", sa.BigInteger, nullable=False),
        sa.Column("threshold", sa.Double, nullable=True),
        sa.PrimaryKeyConstraint("guild_id", "normalized", name="pk_watches"),
    )
    op.create_index("ix_watches_channel_id", "watches", ["channel_id"])
    for column in (
        sa.Column("parent_id", sa.BigInteger, nullable=True),
        sa.Column("private", sa.Boolean, nullable=False, server_default=sa.false()),
        sa.Column("position", sa.SmallInteger, nullable=True),
        sa.Column("clips", sa.SmallInteger, nullable=True),
        sa.Column("alerted", sa.Boolean, nullable=False, server_default=sa.false()),
    ):
        op.add_column("posted_clips", column)
    op.create_index("ix_posted_clips_parent_id", "posted_clips", ["parent_id"])


def _create_index() -> None:
    op.create_table(
        "index_concepts",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("normalized", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_index_concepts"),
        sa.UniqueConstraint("normalized", name="uq_index_concepts_normalized"),
    )
    op.create_table(
        "index_taggings",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("fingerprint", sa.Text, nullable=False),
        sa.Column("tagger", sa.Text, nullable=False),
        sa.Column("model", sa.Text, nullable=False),
        sa.Column("revision", sa.Text, nullable=False),
        sa.Column("sampling", sa.Integer, nullable=False),
        sa.Column("default_threshold", sa.Double, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_index_taggings"),
        sa.UniqueConstraint(
            *_KEY, name="uq_index_taggings_fingerprint_tagger_model_revision_sampling"
        ),
        sa.ForeignKeyConstraint(
            _KEY,
            [f"taggings.{name}" for name in _KEY],
            name="fk_index_taggings_fingerprint_tagger_model_revision_sampling",
            ondelete="CASCADE",
        ),
    )
    op.create_table(
        "index_scores",
        sa.Column("tagging", sa.Integer, nullable=False),
        sa.Column("concept", sa.Integer, nullable=False),
        sa.Column("score", sa.Double, nullable=False),
        sa.PrimaryKeyConstraint("tagging", "concept", name="pk_index_scores"),
        sa.ForeignKeyConstraint(
            ["tagging"], ["index_taggings.id"], name="fk_index_scores_tagging", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["concept"], ["index_concepts.id"], name="fk_index_scores_concept"),
        sqlite_with_rowid=False,
    )
