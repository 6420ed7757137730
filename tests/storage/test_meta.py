from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bot.storage.meta import MetaStore

if TYPE_CHECKING:
    from bot.storage.database import Database


@pytest.fixture
def store(database: Database) -> MetaStore:
    return MetaStore(database)


async def test_a_key_that_was_never_set_is_none(store: MetaStore) -> None:
    assert await store.get("commands") is None


async def test_a_later_value_replaces_an_earlier_one(store: MetaStore) -> None:
    await store.set("commands", "one")
    await store.set("another", "")
    await store.set("commands", "two ✓")
    assert await store.get("commands") == "two ✓"
    assert await store.get("another") == ""
