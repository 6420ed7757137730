"""Erasure by message, channel, server, person and age; on both databases."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from bot.domain.budget import Budget, Payer
from bot.domain.job import Job, Reply, guild_owner, message_job_id
from bot.storage import locks
from bot.storage.database import StorageUnavailable
from bot.storage.job_records import JobRecord
from bot.storage.posted_clips import PostedClip
from tests.jobs.recorder import execute

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Collection

    from bot.jobs.queue import Intake, JobQueue
    from bot.runtime.app import App
    from bot.services.erasure import Erasure

GUILD, CHANNEL, ANN = 100, 10, 51


@pytest.fixture
async def intake(queue: JobQueue) -> AsyncIterator[Intake]:
    async with queue.accepting() as intake:
        for number in (1, 2, 3):
            await intake.submit(Job(message_job_id(number), CHANNEL, (), GUILD, message_id=number))
        yield intake


@pytest.fixture
async def erasure(app: App, intake: Intake) -> Erasure:
    now = datetime.now(UTC)
    clips = [PostedClip(n, f"sha256:0{n}", GUILD, CHANNEL + n // 3, ANN, now) for n in (1, 2, 3)]
    await app.stores.posted_clips.add(clips)
    return app.erasure(intake)


async def waiting(intake: Intake) -> int:
    return (await intake.figures()).waiting


async def test_a_deleted_message_is_not_tagged(erasure: Erasure, intake: Intake, app: App) -> None:
    await erasure.messages([1, 77])
    assert (await waiting(intake), await app.stores.posted_clips.count(ANN)) == (2, 2)


async def test_an_outage_in_the_middle_loses_no_reply(
    erasure: Erasure, app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    await app.stores.job_records.add(JobRecord("message-1", CHANNEL, message_ids=(1,)))
    await app.stores.job_records.save_reply("message-1", Reply(CHANNEL, 99))
    forget = app.stores.posted_clips.forget_messages
    outages = iter([StorageUnavailable])

    async def away_once(message_ids: Collection[int]) -> frozenset[int]:
        for outage in outages:
            raise outage
        return await forget(message_ids)

    monkeypatch.setattr(app.stores.posted_clips, "forget_messages", away_once)
    assert await erasure.messages([1]) == [Reply(CHANNEL, 99)]
    assert await app.stores.posted_clips.count(ANN) == 2


async def test_running_jobs_are_not_cancelled_by_an_erasure(
    erasure: Erasure, intake: Intake, queue: JobQueue
) -> None:
    await execute(queue, "UPDATE {jobs} SET status = 'PENDING' WHERE workflow_uuid = 'message-1'")
    await erasure.messages([1, 2])
    figures = await intake.figures()
    assert (figures.waiting, figures.running) == (1, 1)


async def test_data_of_a_deleted_channel_is_erased(
    erasure: Erasure, intake: Intake, app: App
) -> None:
    await erasure.channel(CHANNEL)
    assert (await waiting(intake), await app.stores.posted_clips.count(ANN)) == (1, 1)


async def test_data_of_a_server_that_removes_the_bot_is_erased(
    erasure: Erasure, intake: Intake, app: App
) -> None:
    await app.stores.settings.set_threshold(GUILD, "local:x", 0.7)
    await app.stores.usage.reserve(Payer(guild_owner(GUILD), "a"), 60, Budget())
    await erasure.guild(GUILD)
    assert (await waiting(intake), await app.stores.posted_clips.count(ANN)) == (0, 0)
    assert not (await app.stores.settings.load(GUILD)).thresholds
    assert [await app.stores.usage.used(guild_owner(GUILD)), await app.stores.usage.used()] == [
        0,
        60,
    ]


@pytest.mark.parametrize(
    "failing",
    ["posted_clips.messages_by", "job_records.erase_messages", "posted_clips.forget_author"],
)
async def test_an_outage_does_not_stop_the_erasure_of_a_person(
    failing: str, erasure: Erasure, app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    await app.stores.job_records.add(JobRecord("message-1", CHANNEL, message_ids=(1,)))
    name, method = failing.split(".")
    store = getattr(app.stores, name)
    real = getattr(store, method)
    outages = iter([StorageUnavailable])

    async def away_once(*args: Any) -> Any:
        for outage in outages:
            raise outage
        return await real(*args)

    monkeypatch.setattr(store, method, away_once)
    assert await erasure.person(ANN) == 3
    assert await app.stores.job_records.find("message-1") is None
    assert await app.stores.posted_clips.count(ANN) == 0


async def test_an_erasure_cut_off_in_the_middle_is_completed_by_the_next_one(
    erasure: Erasure, app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    await app.stores.job_records.add(JobRecord("message-1", CHANNEL, message_ids=(1,)))
    with monkeypatch.context() as patch:
        patch.setattr(app.stores.job_records, "erase_messages", cut_off)
        with pytest.raises(KeyboardInterrupt):
            await erasure.person(ANN)
    assert await erasure.person(ANN) == 3
    assert await app.stores.job_records.find("message-1") is None


async def cut_off(_message_ids: Collection[int]) -> None:
    raise KeyboardInterrupt


async def test_the_data_of_a_person_is_erased(erasure: Erasure, intake: Intake, app: App) -> None:
    assert await erasure.person(ANN) == 3
    assert (await waiting(intake), await app.stores.posted_clips.count(ANN)) == (0, 0)
    assert await erasure.person(ANN) == 0


async def test_one_process_purges_once_a_day(
    erasure: Erasure,
    intake: Intake,
    queue: JobQueue,
    app: App,
    database_url: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    purged = asyncio.Event()
    purge = intake.purge

    async def purge_and_tell(before: datetime) -> int:
        removed = await purge(before)
        purged.set()
        return removed

    done = "UPDATE {jobs} SET status = 'SUCCESS', completed_at = :at WHERE workflow_uuid = :job"
    now = int(datetime.now(UTC).timestamp() * 1000)
    for job, days in (("message-1", 3), ("message-2", 1)):
        await execute(queue, done, job=job, at=now - days * 86_400_000)
    async with locks.opened(database_url) as elsewhere:
        assert await elsewhere.acquire("purge")
        async with erasure.daily(app.locks, pause=0.01):
            await asyncio.sleep(0.1)  # ten opportunities
        assert await intake.purge(datetime.fromtimestamp(0, UTC)) == 0
        assert await intake._jobs.contains("message-1")
        await elsewhere.release("purge")
        monkeypatch.setattr(intake, "purge", purge_and_tell)
        async with erasure.daily(app.locks), asyncio.timeout(10):
            await purged.wait()
    assert not await intake._jobs.contains("message-1")
    assert await intake._jobs.contains("message-2")
    assert await waiting(intake) == 1
