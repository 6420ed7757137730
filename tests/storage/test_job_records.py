from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import func, select, update

from bot.domain.job import Reply
from bot.domain.outcome import Failed, Tagged
from bot.errors import NotFound
from bot.storage.guild_settings import GuildSettingsStore
from bot.storage.job_records import JobRecord, JobRecordStore
from bot.storage.tables import job_record_messages, job_records

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


async def test_nothing_can_be_saved_in_an_erased_record(store: JobRecordStore) -> None:
    await add_answered(store)
    await store.erase_messages([1])
    assert not await store.save_outcomes("message-1", [REFUSED])
    assert not await store.save_reply("message-1", REPLY)
    assert await store.find("message-1") is None


@pytest.mark.parametrize("deleted", [1, 2])
async def test_deleting_any_of_its_messages_erases_a_record(
    store: JobRecordStore, deleted: int
) -> None:
    await add_answered(store)
    assert await store.erase_messages([deleted, 999]) == [REPLY]
    assert await store.find("message-1") is None
    assert await store.erase_messages([1, 2]) == []


async def test_more_messages_than_a_statement_takes_are_erased(store: JobRecordStore) -> None:
    await add_answered(store)
    assert await store.erase_messages(range(1000, 71_000)) == []
    assert await store.erase_messages([*range(1000, 71_000), 2]) == [REPLY]


async def test_a_deleted_reply_erases_its_record_and_is_not_returned(store: JobRecordStore) -> None:
    await add_answered(store)
    assert await store.erase_messages([REPLY.message_id]) == []
    assert await store.find("message-1") is None


async def test_other_records_stay(store: JobRecordStore, database: Database) -> None:
    await add_answered(store)
    other = await add_answered(
        store, job_id="message-3", message_ids=(3,), guild_id=6, channel_id=11
    )
    await store.save_reply("message-3", Reply(12, 101))
    other = replace(other, reply=Reply(12, 101))
    await store.erase_guild(5)
    await store.erase_channel(10)
    assert await store.find("message-3") == other
    async with database.reading() as connection:
        left = await connection.scalar(select(func.count()).select_from(job_record_messages))
    assert left == 1
    assert await store.erase_channel(12) == [Reply(12, 101)]


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
