from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from bot.domain.erasure import Person
from bot.storage import slices
from bot.storage.meta import MetaStore
from bot.storage.posted_clips import PostedClip, PostedClipStore
from bot.storage.slices import LARGEST, Slices

if TYPE_CHECKING:
    import pytest

    from bot.storage.database import Database


def test_the_next_slice_is_as_large_as_the_time_of_the_last_one_allows() -> None:
    size = Slices()
    for _ in range(9):
        size.took(0.001)
    assert size.size == LARGEST
    size.took(0.1)
    assert size.size == LARGEST // 2
    for _ in range(9):
        size.took(10)
    assert size.size == 10


async def test_others_write_between_the_slices_of_a_long_deletion(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(slices, "_FIRST", 10)
    monkeypatch.setattr(slices, "LARGEST", 10)
    store, meta = PostedClipStore(database), MetaStore(database)
    posted_at = datetime.now(UTC)
    clips = [PostedClip(number, "sha256:01", 1, 10, 51, posted_at) for number in range(60)]
    await store.add(clips)
    left: list[int] = []

    async def write_meanwhile() -> None:
        while not left or left[-1]:
            await meta.set("key", str(len(left)))
            left.append(len(await store.known_messages(range(60))))

    async def erase() -> None:
        while await store.erase(Person(51)):
            pass

    await asyncio.gather(erase(), write_meanwhile())
    assert len(set(left) - {0, 60}) > 1
