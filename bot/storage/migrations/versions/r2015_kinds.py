"""The kind of each clip, such as video game, from taggers that tell it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "2015"
down_revision = "2014"


def upgrade() -> None:
    """Add the column; no tagger told a kind so far."""
    op.add_column("taggings", sa.Column("kind", sa.Text, nullable=True))
