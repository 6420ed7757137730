from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import func, select, update

from bot.storage.guild_settings import GuildSettingsStore
from bot.storage.job_records import Reply, ReportStore, SavedReport
from bot.storage.tables import job_record_messages, job_records

if TYPE_CHECKING:
    from bot.storage.database import Database

REPORT = SavedReport(
    job_id="message-1",
    channel_id=10,
    clips=({"name": "žirafa 🦒.mp4", "spoiler": True, "fingerprint": "sha256:ab"},),
    guild_id=5,
    message_ids=(1, 2),
    people=(7, 8),
)
REPLY = Reply(10, 100)


@pytest.fixture
def store(database: Database) -> ReportStore:
    return ReportStore(database)


async def answered(store: ReportStore, **changes: object) -> SavedReport:
    report = replace(REPORT, **changes)  # type: ignore[arg-type]  # any of its fields
    await store.save(report)
    await store.note_reply(report.job_id, REPLY)
    return replace(report, reply=REPLY)


async def test_a_report_is_found_with_all_that_was_saved(store: ReportStore) -> None:
    await store.save(REPORT)
    assert await store.find("message-1") == REPORT
    assert await store.find("message-2") is None


async def test_saving_again_changes_nothing(store: ReportStore) -> None:
    first = await answered(store)
    await store.save(replace(REPORT, clips=()))
    assert await store.find("message-1") == first


async def test_what_became_of_the_clips_is_noted_beside_the_reply(store: ReportStore) -> None:
    first = await answered(store)
    assert await store.note_clips("message-1", [{"name": "b"}])
    assert await store.find("message-1") == replace(first, clips=({"name": "b"},))


async def test_nothing_is_noted_of_what_was_forgotten(store: ReportStore) -> None:
    await answered(store)
    await store.forget_messages([1])
    assert not await store.note_clips("message-1", [{"name": "b"}])
    assert not await store.note_reply("message-1", REPLY)
    assert await store.find("message-1") is None


@pytest.mark.parametrize("deleted", [1, 2])
async def test_a_report_goes_with_each_of_its_messages(store: ReportStore, deleted: int) -> None:
    await answered(store)
    assert await store.forget_messages([deleted, 999]) == [REPLY]
    assert await store.find("message-1") is None
    assert await store.forget_messages([1, 2]) == []


async def test_a_deleted_reply_is_forgotten_and_not_deleted_again(store: ReportStore) -> None:
    await answered(store)
    assert await store.forget_messages([REPLY.message_id]) == []
    assert await store.find("message-1") is None


async def test_only_what_was_asked_for_is_forgotten(store: ReportStore, database: Database) -> None:
    await answered(store)
    other = await answered(store, job_id="message-3", message_ids=(3,), guild_id=6, channel_id=11)
    await store.note_reply("message-3", Reply(12, 101))
    other = replace(other, reply=Reply(12, 101))
    await store.forget_guild(5)
    await store.forget_channel(10)
    assert await store.find("message-3") == other
    async with database.reading() as connection:
        left = await connection.scalar(select(func.count()).select_from(job_record_messages))
    assert left == 1
    assert await store.forget_channel(12) == [Reply(12, 101)]


async def test_old_reports_are_purged_as_operator_and_server_want(
    store: ReportStore, database: Database
) -> None:
    for number, (guild_id, days) in enumerate([(5, 40), (5, 4), (6, 4), (6, 2)]):
        await store.save(replace(REPORT, job_id=f"message-{number}", guild_id=guild_id))
        moment = datetime.now(UTC) - timedelta(days=days)
        async with database.writing() as connection:
            which = job_records.c.job_id == f"message-{number}"
            await connection.execute(update(job_records).where(which).values(created_at=moment))
    await GuildSettingsStore(database).set_retention(6, 3)
    assert await store.purge(30) == 2
    known = [await store.find(f"message-{number}") is not None for number in range(4)]
    assert known == [False, True, False, True]
