"""The game that a posted clip was recorded in."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "2007"
down_revision = "2006"


def upgrade() -> None:
    """Add the column; of earlier clips, no game is known."""
    name = "fk_posted_clips_game"
    with op.batch_alter_table("posted_clips") as table:
        table.add_column(sa.Column("game", sa.Integer, nullable=True))
        table.create_foreign_key(name, "search_concepts", ["game"], ["id"])
        table.create_index("ix_posted_clips_game", ["game"])
