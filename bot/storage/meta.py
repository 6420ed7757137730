"""What the program notes for itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import select

from bot.storage.tables import meta

if TYPE_CHECKING:
    from bot.storage.database import Database


class MetaStore:
    """Notes by name, such as the hash of the commands Discord was told of."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def get(self, key: str) -> str | None:
        """Return what was noted last, or None."""
        query = select(meta.c.value).where(meta.c.key == key)
        async with self._database.reading() as connection:
            return await connection.scalar(query)

    async def set(self, key: str, value: str) -> None:
        """Note a value in place of the last one."""
        insert = self._database.insert(meta)
        statement = insert.values(key=key, value=value).on_conflict_do_update(
            index_elements=[meta.c.key], set_={"value": insert.excluded.value}
        )
        async with self._database.writing() as connection:
            await connection.execute(statement)
