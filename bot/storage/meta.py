"""A key-value store for the program itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import select

from bot.storage.tables import meta

if TYPE_CHECKING:
    from bot.storage.database import Database

COMMANDS_KEY = "commands:"
"""The key for the hash of an application's commands begins so; the application's ID follows."""


class MetaStore:
    """Values by key, such as the hash of the commands registered with Discord."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def get(self, key: str) -> str | None:
        """Return the value of a key; None if it was never set."""
        query = select(meta.c.value).where(meta.c.key == key)
        async with self._database.reading() as connection:
            return await connection.scalar(query)

    async def keys(self, prefix: str) -> list[str]:
        """Return the keys that begin with a prefix."""
        query = select(meta.c.key).where(meta.c.key.startswith(prefix, autoescape=True))
        async with self._database.reading() as connection:
            return list(await connection.scalars(query))

    async def set(self, key: str, value: str) -> None:
        """Set the value of a key, replacing an earlier one."""
        insert = self._database.insert(meta)
        statement = insert.values(key=key, value=value).on_conflict_do_update(
            index_elements=[meta.c.key], set_={"value": insert.excluded.value}
        )
        async with self._database.writing() as connection:
            await connection.execute(statement)
