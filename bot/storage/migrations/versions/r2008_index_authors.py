"""The people who posted the messages of index runs, so that these end with their person."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "2008"
down_revision = "2007"


def upgrade() -> None:
    """Add the column; the messages of earlier runs have nobody."""
    op.add_column("index_messages", sa.Column("author_id", sa.BigInteger(), nullable=True))
    op.create_index("ix_index_messages_author_id", "index_messages", ["author_id"])
