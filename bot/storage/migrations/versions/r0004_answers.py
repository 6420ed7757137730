"""What servers choose, what was answered where, and small pictures beside taggings."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Create the tables and add the columns."""
    op.create_table(
        "choices",
        sa.Column("guild_id", sa.BigInteger, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("value", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("guild_id", "name", name="pk_choices"),
    )
    op.create_table(
        "reports",
        sa.Column("job_id", sa.Text, nullable=False),
        sa.Column("guild_id", sa.BigInteger, nullable=True),
        sa.Column("channel_id", sa.BigInteger, nullable=False),
        sa.Column("message_id", sa.BigInteger, nullable=True),
        sa.Column("author_id", sa.BigInteger, nullable=True),
        sa.Column("clips", sa.Text, nullable=False),
        sa.Column("reply_channel_id", sa.BigInteger, nullable=True),
        sa.Column("reply_id", sa.BigInteger, nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("job_id", name="pk_reports"),
    )
    for column in ("guild_id", "channel_id", "message_id", "author_id", "created_at"):
        op.create_index(f"ix_reports_{column}", "reports", [column])
    op.add_column("taggings", sa.Column("stills", sa.LargeBinary, nullable=True))
    proxied = sa.Column("proxied", sa.Boolean, nullable=False, server_default=sa.false())
    op.add_column("taggings", proxied)
