from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import select, update

from bot.domain.concepts import SenseIdentity
from bot.domain.erasure import Channel, Guild, Messages, Person
from bot.domain.text_lines import TextLine
from bot.storage.guild_settings import GuildSettingsStore
from bot.storage.opt_outs import OptOutStore
from bot.storage.posted_clips import PostedClip, PostedClipStore
from bot.storage.senses import TextStore
from bot.storage.slices import LARGEST
from bot.storage.tables import guild_settings, posted_clips, sense_observations, taggings
from bot.storage.taggings import TaggingStore
from tests.storage.samples import IDENTITY, make_tagging

if TYPE_CHECKING:
    from bot.domain.erasure import Scope
    from bot.storage.database import Database

TEXT = SenseIdentity("text", "1")
NOW = datetime.now(UTC)
AGE = timedelta(days=300)
ANN, BOB = 51, 52
# Two servers, two channels in the first; the second clip is posted in both.
POSTED = (
    PostedClip(1, "sha256:01", 100, 10, ANN, NOW),
    PostedClip(1, "sha256:02", 100, 10, ANN, NOW),
    PostedClip(2, "sha256:03", 100, 11, BOB, NOW),
    PostedClip(3, "sha256:02", 200, 20, BOB, NOW),
    PostedClip(4, "sha256:04", None, 30, ANN, NOW),
)


@pytest.fixture
async def store(database: Database) -> PostedClipStore:
    store = PostedClipStore(database)
    await store.add(POSTED)
    for fingerprint in sorted({clip.fingerprint for clip in POSTED}):
        await TaggingStore(database).save(make_tagging((), fingerprint))
        await TextStore(database, TEXT).save(fingerprint, (TextLine("HELLO", 0, 1, 0.9),))
    return store


async def left(database: Database) -> tuple[set[int], set[str]]:
    async with database.reading() as connection:
        messages = set(await connection.scalars(select(posted_clips.c.message_id)))
        tagged = set(await connection.scalars(select(taggings.c.fingerprint)))
        assert set(await connection.scalars(select(sense_observations.c.fingerprint))) == tagged
    return messages, {fingerprint.removeprefix("sha256:") for fingerprint in tagged}


async def erase(store: PostedClipStore, scope: Scope) -> set[int]:
    messages: set[int] = set()
    while part := await store.erase(scope):
        messages |= part
    return messages


async def test_a_deleted_message_deletes_its_clips_only(
    database: Database, store: PostedClipStore
) -> None:
    assert await erase(store, Messages(frozenset({1, 99}))) == {1}
    assert await left(database) == ({2, 3, 4}, {"02", "03", "04"})
    assert await erase(store, Messages(frozenset())) == set()


async def test_a_deleted_channel_deletes_its_clips(
    database: Database, store: PostedClipStore
) -> None:
    assert await erase(store, Channel(11)) == {2}
    assert await left(database) == ({1, 3, 4}, {"01", "02", "04"})


async def test_a_deleted_channel_deletes_the_clips_of_its_threads(
    database: Database, store: PostedClipStore
) -> None:
    await store.add([replace(POSTED[0], message_id=9, channel_id=12, parent_id=11)])
    assert await erase(store, Channel(11)) == {2, 9}
    assert (await left(database))[0] == {1, 3, 4}


async def test_a_server_that_removes_the_bot_deletes_its_clips(
    database: Database, store: PostedClipStore
) -> None:
    assert await erase(store, Guild(100)) == {1, 2}
    assert await left(database) == ({3, 4}, {"02", "04"})


async def test_a_person_can_delete_their_clips(database: Database, store: PostedClipStore) -> None:
    assert await erase(store, Person(ANN)) == {1, 4}
    assert await left(database) == ({2, 3}, {"02", "03"})


async def test_a_clip_is_stored_once(store: PostedClipStore) -> None:
    await store.add([replace(POSTED[0], author_id=BOB)])
    await store.add([])
    assert await erase(store, Person(ANN)) == {1, 4}


async def test_many_clips_are_deleted_in_parts(database: Database, store: PostedClipStore) -> None:
    many = range(1000, 1000 + 2 * LARGEST)
    await store.add([replace(POSTED[0], message_id=number) for number in many])
    part = await store.erase(Person(ANN))
    assert 0 < len(part) <= LARGEST
    assert await erase(store, Person(ANN)) == {1, 4, *many} - part
    assert await left(database) == ({2, 3}, {"02", "03"})


async def test_old_clips_are_purged_by_the_retention_of_server_and_operator(
    database: Database, store: PostedClipStore
) -> None:
    await GuildSettingsStore(database).update(100, retention_days=7)
    ages = {1: 8, 2: 6, 3: 8, 4: 31}
    async with database.writing() as connection:
        for message_id, days in ages.items():
            age = {"posted_at": NOW - timedelta(days=days)}
            which = posted_clips.c.message_id == message_id
            await connection.execute(update(posted_clips).where(which).values(age))
        old = taggings.c.fingerprint == "sha256:03"
        age = {"created_at": NOW - timedelta(days=31)}
        await connection.execute(update(taggings).where(old).values(age))
        old = sense_observations.c.fingerprint == "sha256:03"
        await connection.execute(update(sense_observations).where(old).values(age))
    assert await store.purge(max_days=30) == 2 + 1
    # Message 1 exceeds its server's seven days, 4 the operator's thirty.
    assert await left(database) == ({2, 3}, {"02"})
    assert await store.purge(max_days=30) == 0


async def test_any_number_of_servers_may_have_their_own_retention(
    database: Database, store: PostedClipStore
) -> None:
    rows = [
        {"guild_id": number, "name": "retention_days", "value": str(number % 365 + 1)}
        for number in range(200, 1700)
    ]
    async with database.writing() as connection:
        await connection.execute(guild_settings.insert(), rows)
    await store.add([replace(POSTED[0], message_id=9, guild_id=1699, posted_at=NOW - AGE)])
    assert await store.purge(max_days=365) == 1


async def test_people_can_opt_out_and_in(database: Database) -> None:
    people = OptOutStore(database)
    await people.add(ANN)
    await people.add(ANN)
    assert await people.among([ANN, BOB]) == {ANN}
    assert await people.among([]) == frozenset()
    await people.remove(ANN)
    await people.remove(BOB)
    assert await people.among([ANN, BOB]) == frozenset()


async def test_deleting_a_server_deletes_all_its_settings(database: Database) -> None:
    settings = GuildSettingsStore(database)
    for guild in (100, 200):
        await settings.update(guild, retention_days=7)
        await settings.set_threshold(guild, str(IDENTITY), 0.7)
    await settings.update(200, retention_days=9)
    await settings.forget(100)
    assert await settings.load(100) == replace(
        await settings.load(200), guild_id=100, thresholds={}, retention_days=None
    )
    assert (await settings.load(200)).retention_days == 9
    await settings.update(200, retention_days=None)
    assert (await settings.load(200)).retention_days is None
    assert (await settings.load(200)).thresholds == {str(IDENTITY): 0.7}
