"""A sentence about each clip, from taggers that write one."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "2005"
down_revision = "2004"


def upgrade() -> None:
    """Add the column; no tagger wrote a description so far."""
    op.add_column("taggings", sa.Column("description", sa.Text, nullable=True))
