"""Creating a database's tables and migrating them, forward only.

Loading Alembic takes a good part of the program's start, so that is done only to migrate an older
database. A new database gets today's tables at once.
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
from bot.storage import migrations, tables, text_index
from bot.storage.migrations import VERSION_TABLE, versions

if TYPE_CHECKING:
    from sqlalchemy import Connection

# An arbitrary number that all processes agree on.
_LOCK = int.from_bytes(b"frames", "big")

# Revisions that were never released. The file of 1001 was edited several times, so its databases
# differ: some would open and lack a server's retention.
_BEFORE_RELEASE = {"0001", "0002", "0003", "0004", "0005", "1001"}

# The same table that Alembic creates.
_seen = Table(
    VERSION_TABLE,
    MetaData(),
    Column("version_num", String(32), nullable=False),
    PrimaryKeyConstraint("version_num", name=f"{VERSION_TABLE}_pkc"),
)


def revisions() -> list[str]:
    """Return the revisions that this program knows, the newest last, from their file names."""
    names = (module.name for module in pkgutil.iter_modules(versions.__path__))
    return sorted(name.partition("_")[0].removeprefix("r") for name in names)


def is_current(connection: Connection) -> bool:
    """Return whether the tables are up to date.

    Raises ``ConfigError`` if a newer program, or one from before the first release, made them.
    """
    revision, known = current_revision(connection), revisions()
    if revision in _BEFORE_RELEASE:
        raise ConfigError(
            [
                (
                    "DATABASE_URL: this database is from a development version of Framehound, "
                    "before the first release, and can't be migrated; please move it away (and the "
                    "-jobs file beside it), or name an empty database."
                )
            ]
        )
    if revision is not None and revision not in known:
        mistake = "this database was used by a newer version of Framehound; update this one."
        raise ConfigError([f"DATABASE_URL: {mistake}"])
    return revision == known[-1]


def current_revision(connection: Connection) -> str | None:
    """Return the revision of the tables; None for a new database."""
    if not inspect(connection).has_table(VERSION_TABLE):
        return None
    return connection.execute(select(_seen.c.version_num)).scalar()


def bring_up_to_date(connection: Connection) -> None:
    """Create or migrate the tables in the caller's transaction, one process at a time.

    On SQLite the caller already holds the write lock.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(select(func.pg_advisory_xact_lock(_LOCK)))
    # Another process may have done it while this one waited for the lock.
    if is_current(connection):
        return
    if current_revision(connection) is None:
        _create(connection)
    else:
        upgrade(connection)


def upgrade(connection: Connection, revision: str = "head") -> None:
    """Migrate in the caller's transaction.

    Alembic keeps its context in a global: never migrate two databases at once in one process.
    """
    from alembic import command  # noqa: PLC0415 - see above
    from alembic.config import Config  # noqa: PLC0415 - see above

    config = Config()
    folder = str(Path(migrations.__file__).parent)
    config.set_main_option("script_location", folder.replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, revision)


def _create(connection: Connection) -> None:
    # Without checkfirst: a table of this name that we did not create belongs to somebody else.
    tables.metadata.create_all(connection, checkfirst=False)
    text_index.create(connection)
    _seen.create(connection, checkfirst=False)
    connection.execute(insert(_seen).values(version_num=revisions()[-1]))
