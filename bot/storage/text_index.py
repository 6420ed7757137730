"""The index that finds parts of words in ``posted_texts``: FTS5 on SQLite, pg_trgm on PostgreSQL.

Both know which rows have three letters in a row. Without FTS5 or pg_trgm, texts are searched one
after another.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import column, table, text
from sqlalchemy.exc import DBAPIError

if TYPE_CHECKING:
    from sqlalchemy import Connection

NAME = "posted_texts_index"
MIN_LETTERS = 3
"""Letters that a part of a word needs to be in the index."""

fts = table(NAME, column("rowid"), column("letters"))
"""SQLite's index as a table: ``letters LIKE '%part%'`` uses it."""

# ``detail=none`` leaves out where in a text the letters are: the index is a third as large.
_TABLE = f"""CREATE VIRTUAL TABLE {NAME} USING fts5(
    letters, content='posted_texts', content_rowid='id', tokenize='trigram', detail=none)"""
_ON_INSERT = f"""CREATE TRIGGER {NAME}_insert AFTER INSERT ON posted_texts BEGIN
    INSERT INTO {NAME}(rowid, letters) VALUES (new.id, new.letters); END"""  # noqa: S608 - constants
_ON_DELETE = f"""CREATE TRIGGER {NAME}_delete AFTER DELETE ON posted_texts BEGIN
    INSERT INTO {NAME}({NAME}, rowid, letters)
    VALUES ('delete', old.id, old.letters); END"""  # noqa: S608 - constants
# A migration creates the index of rows that exist already.
_REBUILD = f"INSERT INTO {NAME}({NAME}) VALUES ('rebuild')"  # noqa: S608 - constants
_FTS5 = (_TABLE, _ON_INSERT, _ON_DELETE, _REBUILD)
# SQLite 3.42 and newer remove what was deleted from the index at once, not with time.
_SECURE_DELETE = f"INSERT INTO {NAME}({NAME}, rank) VALUES ('secure-delete', 1)"  # noqa: S608 - a constant
_PG_TRGM = (
    "CREATE EXTENSION IF NOT EXISTS pg_trgm",
    f"CREATE INDEX {NAME} ON posted_texts USING gin (letters gin_trgm_ops)",
)


def create(connection: Connection) -> None:
    """Create the index in the caller's transaction if the database can."""
    if connection.dialect.name == "postgresql":
        _try(connection, *_PG_TRGM)
    elif _try(connection, *_FTS5):
        _try(connection, _SECURE_DELETE)


def exists(connection: Connection) -> bool:
    """Return whether the index exists."""
    catalog = (
        "pg_class WHERE relname"
        if connection.dialect.name == "postgresql"
        else ("sqlite_master WHERE name")
    )
    query = text(f"SELECT 1 FROM {catalog} = '{NAME}'")  # noqa: S608 - constants
    return connection.execute(query).first() is not None


def _try(connection: Connection, *statements: str) -> bool:
    """Execute statements, all or none; return whether they succeeded."""
    try:
        with connection.begin_nested():
            for statement in statements:
                connection.exec_driver_sql(statement)
    except DBAPIError:
        return False
    return True
