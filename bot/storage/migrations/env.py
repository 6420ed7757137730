"""Run by Alembic to migrate, on the caller's connection and in its transaction."""

from __future__ import annotations

from alembic import context

from bot.storage.migrations import VERSION_TABLE
from bot.storage.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    version_table=VERSION_TABLE,
)
with context.begin_transaction():
    context.run_migrations()
