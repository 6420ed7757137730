"""One person has a part of a server's frames, and new servers have a part of everybody's."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from sqlalchemy import select

from bot.domain.budget import Budget, Payer
from bot.errors import BudgetExhausted
from bot.storage.tables import usage_shares
from bot.storage.usage import UsageStore
from bot.taggers.billing import BillingAccount

if TYPE_CHECKING:
    from bot.storage.database import Database

GUILD, ANN, BOB = "guild-1", "1200000000000000021", "1200000000000000022"
BUDGET = Budget(server=10_000, overall=40_000, person_share=10, newcomers_share=10)


@pytest.fixture
def store(database: Database) -> UsageStore:
    return UsageStore(database)


async def refusals(store: UsageStore, *payers: Payer, frames: int) -> list[str | None]:
    """Let payers be billed for a clip each, one after the other; return which limits were hit."""
    account = BillingAccount(store, BUDGET)
    found: list[str | None] = []
    for payer in payers:
        try:
            await account.reserve(payer, {payer.reference: frames})
        except BudgetExhausted as error:
            found.append(error.facts["budget"])
        else:
            await account.settle(payer, payer.reference, reserved=frames, billed=frames)
            found.append(None)
    return found


async def test_two_messages_of_a_person_do_not_use_up_a_servers_month(store: UsageStore) -> None:
    messages = [Payer(GUILD, f"message-{number}", person=ANN) for number in range(2)]
    assert await refusals(store, *messages, frames=5000) == ["person", "person"]
    assert await store.used(GUILD) == 0
    messages = [Payer(GUILD, f"message-{number}", person=ANN) for number in range(4)]
    assert await refusals(store, *messages, frames=400) == [None, None, "person", "person"]
    others = Payer(GUILD, "b", person=BOB), Payer("guild-2", "c", person=ANN)
    assert await refusals(store, *others, frames=400) == [None, None]
    await store.disown(GUILD)  # coming back brings no new share
    assert await refusals(store, Payer(GUILD, "d", person=ANN), frames=400) == ["person"]


async def test_many_new_servers_do_not_use_up_the_frames_of_all(store: UsageStore) -> None:
    new = [
        Payer(f"guild-{number}", f"{number} {clip}", newcomer=True)
        for number in range(100, 104)
        for clip in range(2)
    ]
    hit = await refusals(store, *new, frames=1500)
    assert hit[:4] == [None, "newcomers", None, "newcomers"]
    assert hit.count(None) == 2  # of 4,000 frames a day; each server had half of them at most
    assert await refusals(store, Payer(GUILD, "a"), frames=1500) == [None]
    await store.disown("guild-100")
    again = Payer("guild-100", "again", newcomer=True)
    assert (await store.spending(again)).newcomer.today == 1500


async def test_an_interrupted_attempt_uses_a_share_once(store: UsageStore) -> None:
    payer = Payer(GUILD, "a", person=ANN, newcomer=True)
    for _ in range(3):
        assert await store.reserve(payer, 300, BUDGET)
    for _ in range(2):
        await store.settle(payer, "a", 200)
    used = await store.spending(payer)
    assert {used.person.today, used.person.month, used.newcomer.today, used.payer} == {200}


async def test_shares_name_nobody(store: UsageStore, database: Database) -> None:
    await store.reserve(Payer(GUILD, "a", person=ANN, newcomer=True), 300, BUDGET)
    async with database.reading() as connection:
        rows = str((await connection.execute(select(usage_shares))).all())
    assert ANN not in rows
    assert GUILD not in rows
