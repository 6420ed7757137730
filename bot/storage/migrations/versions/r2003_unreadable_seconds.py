"""The seconds of a clip that could not be decoded."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "2003"
down_revision = "2002"


def upgrade() -> None:
    """Add the column; every clip tagged so far was decoded to its end."""
    op.add_column("taggings", sa.Column("unreadable", sa.Text, nullable=True))
