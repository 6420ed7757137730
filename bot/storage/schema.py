"""Bringing a database's tables up to date, forward only."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import func, select

from bot.errors import ConfigError
from bot.storage import migrations

if TYPE_CHECKING:
    from sqlalchemy import Connection

# Any number will do as long as it stays the same: programs that want the lock must agree on it.
_LOCK = int.from_bytes(b"frames", "big")


def is_current(connection: Connection) -> bool:
    """Tell whether nothing is to be done; a schema newer than this program raises ConfigError."""
    scripts = ScriptDirectory.from_config(_config())
    revision = current_revision(connection)
    known = {script.revision for script in scripts.walk_revisions()}
    if revision is not None and revision not in known:
        raise ConfigError(
            ["DATABASE_URL: a newer Framehound has used this database; please update this one."]
        )
    return revision == scripts.get_current_head()


def current_revision(connection: Connection) -> str | None:
    """Return the last migration the database has seen, None if it saw none."""
    options = {"version_table": migrations.VERSION_TABLE}
    return MigrationContext.configure(connection, opts=options).get_current_revision()


def upgrade(connection: Connection, revision: str = "head") -> None:
    """Migrate in the caller's transaction, one program at a time.

    SQLite's caller holds the write lock already. Alembic keeps its context in a global, so one
    process must not upgrade two databases at once.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(select(func.pg_advisory_xact_lock(_LOCK)))
    config = _config()
    config.attributes["connection"] = connection
    command.upgrade(config, revision)


def _config() -> Config:
    config = Config()
    folder = str(Path(migrations.__file__).parent)
    config.set_main_option("script_location", folder.replace("%", "%%"))
    return config
