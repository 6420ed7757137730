from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from bot.domain.alerts import MAX_WATCHES, Watch
from bot.storage.posted_clips import PostedClipStore
from bot.storage.watches import WatchStore
from tests.storage.test_posted_clips import POSTED

if TYPE_CHECKING:
    from bot.storage.database import Database

CAT, DOG = Watch("Cat", 10), Watch("dog", 11, 0.7)


@pytest.fixture
def store(database: Database) -> WatchStore:
    return WatchStore(database)


async def test_a_server_has_one_watch_of_each_tag(store: WatchStore) -> None:
    assert await store.load(1) == ()
    for watch in (DOG, CAT):
        assert await store.add(1, watch)
    assert await store.load(1) == (CAT, DOG)
    louder = replace(CAT, tag="CÀT", threshold=0.9)
    assert await store.add(1, louder)
    assert await store.load(1) == (louder, DOG)
    assert await store.load(2) == ()
    assert await store.remove(1, "cat")
    assert not await store.remove(1, "cat")
    assert await store.load(1) == (DOG,)


async def test_the_number_of_watches_is_limited(store: WatchStore) -> None:
    watches = [Watch(f"tag {number}", 10) for number in range(MAX_WATCHES + 5)]
    added = await asyncio.gather(*(store.add(1, watch) for watch in watches))
    assert sum(added) == len(await store.load(1)) == MAX_WATCHES
    kept = (await store.load(1))[0]
    assert await store.add(1, replace(kept, threshold=0.1))
    assert await store.add(2, CAT)
    await store.replace(1, watches)
    assert len(await store.load(1)) == MAX_WATCHES


async def test_replacing_watches_removes_the_earlier_ones(store: WatchStore) -> None:
    await store.add(1, CAT)
    await store.replace(1, [Watch("dog", 9), DOG])
    assert await store.load(1) == (DOG,)
    await store.replace(1, [])
    assert await store.load(1) == ()


async def test_watches_are_deleted_with_their_channel_or_server(store: WatchStore) -> None:
    for guild in (1, 2):
        await store.replace(guild, [replace(CAT, channel_id=guild), DOG])
    await store.forget_channel(1)
    assert await store.load(1) == (DOG,)
    await store.forget_guild(2)
    assert await store.load(2) == ()
    assert await store.load(1) == (DOG,)


async def test_a_message_is_alerted_about_once(database: Database, store: WatchStore) -> None:
    await PostedClipStore(database).add(POSTED)
    assert not await store.is_alerted(1)
    await store.save_alerted(1)
    assert await store.is_alerted(1)
    assert not await store.is_alerted(2)
    assert not await store.is_alerted(99)
