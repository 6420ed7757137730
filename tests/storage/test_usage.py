from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import select, update

from bot.domain.budget import Budget, Payer
from bot.storage.database import Database
from bot.storage.tables import usage
from bot.storage.usage import UsageStore

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

CATS, DOGS = "guild-1", "guild-2"


@pytest.fixture
def store(database: Database) -> UsageStore:
    return UsageStore(database)


async def test_a_server_cannot_exceed_its_budget(store: UsageStore) -> None:
    budget = Budget(server=100)
    assert await store.reserve(Payer(CATS, "a"), 60, budget)
    assert not await store.reserve(Payer(CATS, "b"), 41, budget)
    assert await store.reserve(Payer(CATS, "c"), 40, budget)
    assert not await store.reserve(Payer(CATS, "d"), 1, budget)
    assert await store.reserve(Payer(DOGS, "e"), 100, budget)
    assert [await store.used(CATS), await store.used(DOGS), await store.used()] == [100, 100, 200]


async def test_the_total_budget_applies_too(store: UsageStore) -> None:
    budget = Budget(overall=100)
    assert await store.reserve(Payer(CATS, "a"), 60, budget)
    assert not await store.reserve(Payer(DOGS, "b"), 41, budget)
    assert await store.reserve(Payer(DOGS, "c"), 40, budget)


async def test_settled_frames_replace_the_reservation(store: UsageStore) -> None:
    budget = Budget(server=100)
    await store.reserve(Payer(CATS, "a"), 100, budget)
    await store.settle(Payer(CATS), "a", 70)
    assert await store.used(CATS) == 70
    await store.reserve(Payer(CATS, "b"), 30, budget)
    await store.settle(Payer(CATS), "b", 0)
    assert await store.used(CATS) == 70


async def test_an_interrupted_attempt_is_counted_once(store: UsageStore) -> None:
    budget = Budget(server=100)
    for _ in range(3):
        assert await store.reserve(Payer(CATS, "a"), 60, budget)
    assert await store.used(CATS) == 60


@pytest.fixture
async def others(database_url: str) -> AsyncIterator[list[UsageStore]]:
    async with (
        Database.open(database_url) as one,
        Database.open(database_url) as two,
        Database.open(database_url) as three,
    ):
        yield [UsageStore(each) for each in (one, two, three)]


async def test_concurrent_reservations_never_exceed_the_budget(others: list[UsageStore]) -> None:
    budget = Budget(server=100)
    # Connect first: otherwise connecting would keep the reservations from being concurrent.
    await asyncio.gather(*(store.used() for store in others for _ in range(4)))
    asked = (
        store.reserve(Payer(CATS, f"{number} {position}"), 30, budget)
        for number in range(4)
        for position, store in enumerate(others)
    )
    assert sum(await asyncio.gather(*asked)) == 3
    assert await others[0].used(CATS) == 90


async def test_every_month_has_a_new_budget(database: Database, store: UsageStore) -> None:
    budget = Budget(server=100)
    await store.reserve(Payer(CATS, "a"), 100, budget)
    async with database.writing() as connection:
        await connection.execute(update(usage).values(month="2020-01"))
    assert await store.used(CATS) == 0
    assert await store.reserve(Payer(CATS, "b"), 100, budget)
    assert await store.purge() == 1
    async with database.reading() as connection:
        assert (await connection.scalars(select(usage.c.reference))).all() == ["b"]


async def test_usage_keeps_no_reference_to_billed_messages(
    store: UsageStore, database: Database
) -> None:
    for reference in ("a", "b"):
        await store.reserve(Payer(CATS, reference), 60, Budget())
        await store.settle(Payer(CATS), reference, 40)
        await store.settle(
            Payer(CATS), reference, 40
        )  # repeated, as the answer of the database was lost
    async with database.reading() as connection:
        (row,) = (await connection.execute(select(usage))).all()
    assert (row.reference, row.frames) == (f"{row.month} {CATS}", 80)


async def test_usage_of_a_removed_server_is_anonymous(
    store: UsageStore, database: Database
) -> None:
    for payer in (CATS, DOGS):
        await store.reserve(Payer(payer, payer), 60, Budget())
        await store.settle(Payer(payer), payer, 60)
        await store.reserve(Payer(payer, f"{payer} again"), 5, Budget())
        await store.disown(payer)
    assert await store.used() == 130
    async with database.reading() as connection:
        rows = str((await connection.execute(select(usage))).all())
    assert CATS not in rows
    assert DOGS not in rows


async def test_a_payer_who_was_erased_has_no_new_budget(store: UsageStore) -> None:
    """Neither a server that removes the bot and invites it again, nor a person's forget."""
    budget = Budget(server=100)
    assert await store.reserve(Payer(CATS, "a"), 90, budget)
    await store.settle(Payer(CATS), "a", 90)
    for attempt in range(2):
        await store.disown(CATS)
        assert not await store.reserve(Payer(CATS, f"b{attempt}"), 11, budget)
    assert await store.reserve(Payer(DOGS, "c"), 100, budget)
    assert await store.reserve(Payer(CATS, "d"), 10, budget)
    await store.disown(CATS)
    assert [await store.used(CATS), await store.used(DOGS), await store.used()] == [100, 100, 200]
