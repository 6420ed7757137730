from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import func, select, update

from bot.domain.erasure import Channel, Guild, Messages, Person
from bot.domain.job import Reply
from bot.domain.outcome import Failed, Tagged
from bot.errors import NotFound
from bot.storage.guild_settings import GuildSettingsStore
from bot.storage.job_records import ErasedJob, JobRecord, JobRecordStore
from bot.storage.posted_clips import PostedClip, PostedClipStore
from bot.storage.reply_deletions import ReplyDeletionStore
from bot.storage.tables import job_record_messages, job_record_people, job_records

if TYPE_CHECKING:
    from bot.storage.database import Database

RECORD = JobRecord(
    job_id="message-1",
    channel_id=10,
    outcomes=(Tagged("žirafa 🦒.mp4", "sha256:ab", spoiler=True),),
    guild_id=5,
    message_ids=(1, 2),
    people=(7, 8),
)
REPLY = Reply(10, 100)
REFUSED = Failed("b", NotFound().record())


@pytest.fixture
def store(database: Database) -> JobRecordStore:
    return JobRecordStore(database)


async def add_answered(store: JobRecordStore, **changes: object) -> JobRecord:
    record = replace(RECORD, **changes)  # type: ignore[arg-type]  # any of its fields
    await store.add(record)
    await store.save_reply(record.job_id, REPLY)
    return replace(record, reply=REPLY)


async def test_a_record_is_read_as_it_was_saved(store: JobRecordStore) -> None:
    await store.add(RECORD)
    assert await store.find("message-1") == RECORD
    assert await store.find("message-2") is None


async def test_adding_a_record_twice_changes_nothing(store: JobRecordStore) -> None:
    first = await add_answered(store)
    await store.add(replace(RECORD, outcomes=()))
    assert await store.find("message-1") == first


async def test_saving_outcomes_keeps_the_reply(store: JobRecordStore) -> None:
    first = await add_answered(store)
    assert await store.save_outcomes("message-1", [REFUSED])
    assert await store.find("message-1") == replace(first, outcomes=(REFUSED,))


async def erase_messages(store: JobRecordStore, *message_ids: int) -> list[str]:
    return [job.job_id for job in await store.erase(Messages(frozenset(message_ids)))]


@pytest.fixture
def deletions(database: Database) -> ReplyDeletionStore:
    return ReplyDeletionStore(database)


async def test_nothing_can_be_saved_in_an_erased_record(
    store: JobRecordStore, database: Database
) -> None:
    await add_answered(store)
    await erase_messages(store, 1)
    posted = PostedClip(1, "sha256:ab", 5, 10, 7, datetime.now(UTC))
    assert not await store.save_outcomes("message-1", [REFUSED], [posted])
    assert not await store.save_reply("message-1", REPLY)
    assert await store.find("message-1") is None
    assert await PostedClipStore(database).erase(Guild(5)) == frozenset()


@pytest.mark.parametrize("deleted", [1, 2])
async def test_deleting_any_of_its_messages_erases_a_record(
    store: JobRecordStore, deletions: ReplyDeletionStore, deleted: int
) -> None:
    await add_answered(store)
    assert await erase_messages(store, deleted, 999) == ["message-1"]
    assert await store.find("message-1") is None
    assert await erase_messages(store, 1, 2) == []
    assert await deletions.newest(2) == [REPLY]
    await deletions.remove([REPLY])
    assert await deletions.newest(2) == []


async def test_a_deleted_reply_erases_its_record_and_is_not_deleted_again(
    store: JobRecordStore, deletions: ReplyDeletionStore
) -> None:
    await add_answered(store)
    (erased,) = await store.erase(Messages(frozenset({REPLY.message_id})))
    assert erased.message_ids == {1, 2}
    assert await store.find("message-1") is None
    assert await deletions.newest(1) == []


async def test_other_records_stay(store: JobRecordStore, database: Database) -> None:
    await add_answered(store)
    other = await add_answered(
        store, job_id="message-3", message_ids=(3,), guild_id=6, channel_id=11, people=(8,)
    )
    await store.save_reply("message-3", Reply(12, 101))
    other = replace(other, reply=Reply(12, 101))
    for scope in (Guild(5), Channel(10), Person(7)):
        await store.erase(scope)
    assert await store.find("message-3") == other
    async with database.reading() as connection:
        for table in (job_record_messages, job_record_people):
            assert await connection.scalar(select(func.count()).select_from(table)) == 1
    assert await store.erase(Channel(12)) == [ErasedJob("message-3", frozenset({3}))]


async def test_messages_and_commands_of_a_person_are_counted_once(
    store: JobRecordStore, database: Database
) -> None:
    await add_answered(store)
    now = datetime.now(UTC)
    clips = [PostedClip(n, f"sha256:{n}{m}", 5, 10, 7, now) for n in (1, 9) for m in (1, 2)]
    await PostedClipStore(database).add(clips)
    assert [await store.count(person) for person in (7, 8, 9)] == [2, 1, 0]


async def test_old_records_are_purged_as_operator_and_server_want(
    store: JobRecordStore, database: Database
) -> None:
    for number, (guild_id, days) in enumerate([(5, 40), (5, 4), (6, 4), (6, 2)]):
        await store.add(replace(RECORD, job_id=f"message-{number}", guild_id=guild_id))
        moment = datetime.now(UTC) - timedelta(days=days)
        async with database.writing() as connection:
            which = job_records.c.job_id == f"message-{number}"
            await connection.execute(update(job_records).where(which).values(created_at=moment))
    await GuildSettingsStore(database).update(6, retention_days=3)
    assert await store.purge(30) == 2
    known = [await store.find(f"message-{number}") is not None for number in range(4)]
    assert known == [False, True, False, True]
