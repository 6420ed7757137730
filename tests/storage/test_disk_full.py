"""A SQLite file that cannot grow, which SQLite reports like a full disk."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from sqlalchemy import text

from bot.storage.database import Database, StorageUnavailable
from bot.storage.meta import MetaStore

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection

PLENTY = 1_000_000  # pages


async def allow_pages(connection: AsyncConnection, most: int) -> None:
    """Limit the file to ``pages`` pages, or to its present size; applies to this connection."""
    await connection.execute(text(f"PRAGMA max_page_count = {most}"))


async def test_a_full_disk_is_an_outage_and_loses_nothing(new_sqlite_url: str) -> None:
    async with Database.open(new_sqlite_url) as database:
        meta = MetaStore(database)
        await meta.set("kept", "before")
        # The pool has only one connection unless two are needed at once.
        async with database.reading() as connection:
            await allow_pages(connection, 1)
        with pytest.raises(StorageUnavailable) as caught:
            await meta.set("a", "b" * 1_000_000)
        assert caught.value.detail == "database or disk is full"
        assert await meta.get("a") is None
        assert await meta.get("kept") == "before"


async def test_the_same_connection_writes_once_there_is_space(new_sqlite_url: str) -> None:
    async with Database.open(new_sqlite_url) as database:
        async with database.reading() as connection:
            await allow_pages(connection, 1)
        with pytest.raises(StorageUnavailable):
            await MetaStore(database).set("a", "b" * 1_000_000)
        async with database.reading() as connection:
            await allow_pages(connection, PLENTY)
        await MetaStore(database).set("a", "c" * 1_000_000)
        assert await MetaStore(database).get("a") == "c" * 1_000_000
