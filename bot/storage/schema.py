"""Bringing a database's tables up to date, forward only.

Alembic takes a good part of a start to load, so it is loaded only where tables of an older program
are to be changed: a new database gets the tables as they are now, in one go.
"""

from __future__ import annotations

import pkgutil
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import (
    Column,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    func,
    insert,
    inspect,
    select,
)

from bot.errors import ConfigError
from bot.storage import migrations, tables
from bot.storage.migrations import VERSION_TABLE, versions

if TYPE_CHECKING:
    from sqlalchemy import Connection

# Any number will do as long as it stays the same: programs that want the lock must agree on it.
_LOCK = int.from_bytes(b"frames", "big")

# As Alembic makes it.
_seen = Table(
    VERSION_TABLE,
    MetaData(),
    Column("version_num", String(32), nullable=False),
    PrimaryKeyConstraint("version_num", name=f"{VERSION_TABLE}_pkc"),
)


def revisions() -> list[str]:
    """Return the revisions this program knows, the newest last; each file is named for its own."""
    names = (module.name for module in pkgutil.iter_modules(versions.__path__))
    return sorted(name.partition("_")[0].removeprefix("r") for name in names)


def is_current(connection: Connection) -> bool:
    """Tell whether nothing is to be done; a schema newer than this program raises ConfigError."""
    revision, known = current_revision(connection), revisions()
    if revision is not None and revision not in known:
        raise ConfigError(
            ["DATABASE_URL: a newer Framehound has used this database; please update this one."]
        )
    return revision == known[-1]


def current_revision(connection: Connection) -> str | None:
    """Return the last migration the database has seen, None if it saw none."""
    if not inspect(connection).has_table(VERSION_TABLE):
        return None
    return connection.execute(select(_seen.c.version_num)).scalar()


def bring_up_to_date(connection: Connection) -> None:
    """Make or migrate the tables in the caller's transaction, one program at a time.

    SQLite's caller holds the write lock already.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(select(func.pg_advisory_xact_lock(_LOCK)))
    # Another program may have done it while this one waited.
    if is_current(connection):
        return
    if current_revision(connection) is None:
        _create(connection)
    else:
        upgrade(connection)


def upgrade(connection: Connection, revision: str = "head") -> None:
    """Migrate in the caller's transaction.

    Alembic keeps its context in a global, so one process must not upgrade two databases at once.
    """
    from alembic import command  # noqa: PLC0415 - see above
    from alembic.config import Config  # noqa: PLC0415 - see above

    config = Config()
    folder = str(Path(migrations.__file__).parent)
    config.set_main_option("script_location", folder.replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, revision)


def _create(connection: Connection) -> None:
    # Nothing is looked for first: tables of these names that no migration made are somebody else's.
    tables.metadata.create_all(connection, checkfirst=False)
    _seen.create(connection, checkfirst=False)
    connection.execute(insert(_seen).values(version_num=revisions()[-1]))
