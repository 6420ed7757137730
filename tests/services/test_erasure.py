"""Erasure by message, channel, server, person and age; on both databases."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import update

from bot.domain.budget import Budget, Payer
from bot.domain.clip import Clip
from bot.domain.job import Job, Reply, guild_owner, message_job_id, person_owner
from bot.storage import locks
from bot.storage.database import StorageUnavailable
from bot.storage.job_records import JobRecord
from bot.storage.posted_clips import PostedClip
from bot.storage.tables import usage
from tests.jobs.recorder import execute

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from bot.domain.erasure import Scope
    from bot.jobs.queue import Intake, JobQueue
    from bot.runtime.app import App
    from bot.services.erasure import Erasure

GUILD, CHANNEL, ANN = 100, 10, 51


@pytest.fixture
async def intake(queue: JobQueue) -> AsyncIterator[Intake]:
    async with queue.accepting() as intake:
        for number in (1, 2, 3):
            await intake.submit(
                Job(message_job_id(number), CHANNEL, (), GUILD, message_id=number, author_id=ANN)
            )
        yield intake


@pytest.fixture
async def erasure(app: App, intake: Intake) -> Erasure:
    now = datetime.now(UTC)
    clips = [PostedClip(n, f"sha256:0{n}", GUILD, CHANNEL + n // 3, ANN, now) for n in (1, 2, 3)]
    await app.stores.posted_clips.add(clips)
    return app.erasure(intake)


async def waiting(intake: Intake) -> int:
    return (await intake.figures()).waiting


async def left(intake: Intake, app: App) -> tuple[int, int]:
    """Return how many jobs wait, and how many messages have clips of Ann."""
    waiting = (await intake.figures()).waiting
    return waiting, await app.stores.job_records.count(ANN)


async def test_a_deleted_message_is_not_tagged(erasure: Erasure, intake: Intake, app: App) -> None:
    await erasure.messages([1, 77])
    assert await left(intake, app) == (2, 2)


async def test_jobs_about_a_deleted_message_are_erased_and_others_stay(
    erasure: Erasure, intake: Intake, app: App
) -> None:
    for job_id, message_id in (("interaction-8", 1), ("message-3", 3)):
        await app.stores.job_records.add(JobRecord(job_id, CHANNEL, message_ids=(message_id,)))
    await intake.submit(Job("interaction-8", CHANNEL, (), GUILD))
    await app.stores.job_records.save_reply("message-3", Reply(CHANNEL, 99))
    await erasure.messages([1])
    assert (await left(intake, app))[0] == 2
    # A reply that somebody removed leaves its job in the queue, so that no edit is answered again.
    await erasure.messages([99])
    assert (await left(intake, app))[0] == 2
    assert not await app.stores.job_records.exists("message-3")


async def test_a_slash_command_is_erased_with_its_reply_and_nothing_else_is(
    erasure: Erasure, intake: Intake, app: App
) -> None:
    """A slash command has no message; a context menu is about somebody's message, which stays."""
    slash, menu = "interaction-8", "interaction-9"
    for job_id, messages, reply_id in ((slash, (8,), 80), (menu, (9, 3), 90)):
        await app.stores.job_records.add(JobRecord(job_id, CHANNEL, message_ids=messages))
        await app.stores.job_records.save_reply(job_id, Reply(CHANNEL, reply_id))
        await intake.submit(Job(job_id, CHANNEL, (), GUILD))
    clip = PostedClip(8, "sha256:08", GUILD, CHANNEL, ANN, datetime.now(UTC))
    await app.stores.posted_clips.add([clip])
    assert await left(intake, app) == (5, 4)
    await erasure.messages([80, 90])
    assert await left(intake, app) == (3, 3)


async def test_a_request_that_waits_is_answered_if_the_clips_message_is_deleted(
    app: App, intake: Intake
) -> None:
    answered: list[str] = []

    async def answer(job: Job) -> None:
        answered.append(job.id)

    clips = (Clip("a.mp4", "http://a/", message_id=1),)
    asking: dict[str, Any] = {
        "channel_id": CHANNEL,
        "clips": clips,
        "guild_id": GUILD,
        "requested": True,
    }
    for job in (Job("interaction-8", **asking), Job("message-9", message_id=9, **asking)):
        await app.services.job_records.begin(job)
        await intake.submit(job)
    await app.erasure(intake, answer).messages([1, 9])
    assert (await left(intake, app))[0] == 2
    assert answered == ["interaction-8"]  # the other request was itself deleted


@pytest.mark.parametrize("failing", ["job_records", "posted_clips"])
async def test_an_erasure_cut_off_in_the_middle_is_completed_by_the_next_one(
    failing: str, erasure: Erasure, intake: Intake, app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Cut it off after the first part; ``retry_storage`` gets over an outage there."""
    await app.stores.job_records.add(
        JobRecord("message-1", CHANNEL, message_ids=(1,), people=(ANN,))
    )
    store = getattr(app.stores, failing)
    erase, outcomes = store.erase, iter([StorageUnavailable, KeyboardInterrupt])

    async def interrupted(scope: Scope) -> object:
        erased = await erase(scope)
        for outcome in outcomes:
            raise outcome
        return erased

    monkeypatch.setattr(store, "erase", interrupted)
    with pytest.raises(KeyboardInterrupt):
        await erasure.person(ANN)
    await erasure.person(ANN)
    assert await left(intake, app) == (0, 0)
    assert not await app.stores.job_records.exists("message-1")


async def test_a_running_job_is_not_cancelled_by_an_erasure(
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
    assert (await left(intake, app))[1] == 1


async def test_data_of_a_server_that_removes_the_bot_is_erased(
    erasure: Erasure, intake: Intake, app: App
) -> None:
    await app.stores.settings.set_threshold(GUILD, "local:x", 0.7)
    await app.stores.usage.reserve(Payer(guild_owner(GUILD), "a"), 60, Budget())
    await erasure.guild(GUILD)
    assert await left(intake, app) == (0, 0)
    assert not (await app.stores.settings.load(GUILD)).thresholds
    # It has no new budget if it invites the bot again.
    assert await app.stores.usage.used(guild_owner(GUILD)) == 60


async def test_the_data_of_a_person_is_erased(erasure: Erasure, intake: Intake, app: App) -> None:
    await app.stores.usage.reserve(Payer(person_owner(ANN), "a"), 60, Budget())
    assert await erasure.person(ANN) == 3
    assert await left(intake, app) == (0, 0)
    assert await app.stores.usage.used(person_owner(ANN)) == 60  # no way to a new budget
    assert await erasure.person(ANN) == 0


async def test_what_cannot_be_purged_does_not_keep_the_rest(
    erasure: Erasure, app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(_days: int) -> int:
        raise RecursionError("Expression tree is too large")

    await app.stores.usage.reserve(Payer("guild-1", "a"), 60, Budget())
    async with app.stores.database.writing() as connection:
        await connection.execute(update(usage).values(month="2020-01"))
    monkeypatch.setattr(app.stores.job_records, "purge", fail)
    await erasure.purge()
    assert await app.stores.usage.purge() == 0


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
        async with erasure.daily(app.locks), asyncio.timeout(60):
            await purged.wait()
    assert not await intake._jobs.contains("message-1")
    assert await intake._jobs.contains("message-2")
    assert (await left(intake, app))[0] == 1
