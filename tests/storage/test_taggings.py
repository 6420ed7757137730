from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from sqlalchemy import func, select, update

from bot.domain.clip import ClipFormat, ClipInfo
from bot.domain.concepts import Concept, Frame, TaggerIdentity
from bot.domain.tagging import Tagging, Thumbnail
from bot.storage.tables import taggings
from bot.storage.taggings import TaggingStore
from tests.storage.samples import FINGERPRINT, IDENTITY, TAGGING, make_tagging
from tests.storage.test_frame_codec import bits, frames_of_any_kind

if TYPE_CHECKING:
    from bot.storage.database import Database


@pytest.fixture
def store(database: Database) -> TaggingStore:
    return TaggingStore(database)


async def test_an_untagged_clip_is_not_found(store: TaggingStore) -> None:
    assert await store.find(FINGERPRINT, IDENTITY) is None


async def test_a_saved_tagging_is_found(store: TaggingStore) -> None:
    await store.save(TAGGING)
    assert await store.find(FINGERPRINT, IDENTITY) == TAGGING


async def test_thumbnails_and_proxied_are_stored(store: TaggingStore) -> None:
    tagging = replace(TAGGING, thumbnails=(Thumbnail(3, b"\xff\xd8"),), proxied=True)
    await store.save(tagging)
    assert await store.find(FINGERPRINT, IDENTITY) == tagging


async def test_a_clip_without_frames_is_found_too(store: TaggingStore) -> None:
    empty = make_tagging(())
    await store.save(empty)
    assert await store.find(FINGERPRINT, IDENTITY) == empty


async def test_every_format_and_large_numbers_are_stored(store: TaggingStore) -> None:
    for clip_format in ClipFormat:
        info = ClipInfo(clip_format, 5_000_000_000, 6_000_000_000, f"sha256:{clip_format}")
        await store.save(Tagging(info, (), IDENTITY))
        assert await store.find(info.fingerprint, IDENTITY) == Tagging(info, (), IDENTITY)


# The database is shared by all examples: each has a fingerprint of its own.
@settings(
    max_examples=25,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(frames=frames_of_any_kind)
async def test_frames_are_stored_exactly(store: TaggingStore, frames: tuple[Frame, ...]) -> None:
    tagging = make_tagging(frames, f"sha256:{uuid4().hex}")
    await store.save(tagging)
    found = await store.find(tagging.info.fingerprint, IDENTITY)
    assert found == tagging
    assert bits(found.frames) == bits(frames)


@pytest.mark.parametrize(
    "other",
    [
        replace(IDENTITY, name="clarifai"),
        replace(IDENTITY, model="another"),
        replace(IDENTITY, revision="names-3"),
        replace(IDENTITY, sampling=500),
    ],
    ids=["tagger", "model", "revision", "sampling"],
)
async def test_taggers_have_separate_taggings(store: TaggingStore, other: TaggerIdentity) -> None:
    await store.save(TAGGING)
    assert await store.find(FINGERPRINT, other) is None

    theirs = replace(make_tagging((Frame(0, (Concept("dog", 0.9),)),)), tagger=other)
    await store.save(theirs)
    assert await store.find(FINGERPRINT, other) == theirs
    assert await store.find(FINGERPRINT, IDENTITY) == TAGGING


async def test_the_default_threshold_is_not_in_the_key(store: TaggingStore) -> None:
    await store.save(TAGGING)
    stricter = replace(IDENTITY, default_threshold=0.99)
    assert await store.find(FINGERPRINT, stricter) == replace(TAGGING, tagger=stricter)


async def test_saving_again_keeps_the_first(store: TaggingStore) -> None:
    await store.save(TAGGING)
    await store.save(make_tagging(()))
    assert await store.find(FINGERPRINT, IDENTITY) == TAGGING


async def test_the_time_of_saving_is_stored_in_utc(database: Database, store: TaggingStore) -> None:
    before = datetime.now(UTC)
    await store.save(TAGGING)
    async with database.reading() as connection:
        saved = await connection.scalar(select(taggings.c.created_at))
    assert saved is not None
    assert saved.tzinfo is UTC
    assert before <= saved <= datetime.now(UTC)


async def test_frames_in_a_newer_format_are_ignored(
    database: Database, store: TaggingStore
) -> None:
    await store.save(TAGGING)
    async with database.writing() as connection:
        await connection.execute(update(taggings).values(frames_format=2, frames=b"?"))
    assert await store.find(FINGERPRINT, IDENTITY) is None
    await store.save(TAGGING)


async def test_many_tasks_save_the_same_clip_once(database: Database, store: TaggingStore) -> None:
    await asyncio.gather(*(store.save(TAGGING) for _ in range(20)))
    async with database.reading() as connection:
        assert await connection.scalar(select(func.count()).select_from(taggings)) == 1
