"""Saved queries, and personal alerts until they are delivered."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from bot.domain.erasure import Channel, Messages
from bot.domain.personal_alerts import MAX_SAVED_QUERIES, PersonalAlert, SavedQuery
from bot.storage.personal_alerts import PersonalAlertStore
from bot.storage.posted_clips import PostedClip, PostedClipStore
from bot.storage.saved_queries import SavedQueryStore
from tests.cogs.searchable_clips import DAY

if TYPE_CHECKING:
    from bot.storage.database import Database

BOB, ANN, HERE, THERE, CHANNEL = 4, 5, 1, 2, 10
CAT = SavedQuery(BOB, HERE, "cat")


def alert(message_id: int, query_id: int, guild_id: int = HERE) -> PersonalAlert:
    return PersonalAlert(message_id, BOB, query_id, guild_id, CHANNEL, f"line {message_id}")


async def fill(database: Database) -> tuple[PersonalAlertStore, SavedQueryStore, int]:
    """Save a query of Bob's, and alerts about three messages of two servers."""
    alerts, queries = PersonalAlertStore(database), SavedQueryStore(database)
    assert await queries.add(CAT, "en")
    (saved,) = await queries.of_person(BOB)
    for message_id, guild_id in ((100, HERE), (101, THERE), (102, HERE)):
        clip = PostedClip(message_id, "sha256:a", guild_id, CHANNEL, ANN, DAY)
        await PostedClipStore(database).add([clip])
        assert await alerts.add(message_id, [alert(message_id, saved.id, guild_id)])
    return alerts, queries, saved.id


async def test_a_person_saves_ten_queries_however_fast_they_are(database: Database) -> None:
    queries = SavedQueryStore(database)
    wanted = [replace(CAT, text=f"cat {number}") for number in range(MAX_SAVED_QUERIES + 2)]
    added = await asyncio.gather(*(queries.add(each, "en") for each in wanted))
    assert sum(added) == MAX_SAVED_QUERIES
    (first, *_) = await queries.of_person(BOB)
    assert await queries.add(replace(first, id=0), "de")
    assert len(await queries.of_guild(HERE)) == MAX_SAVED_QUERIES
    assert not await queries.remove(ANN, first.id)
    assert await queries.remove(BOB, first.id)
    assert not await queries.remove(BOB, first.id)


async def test_alerts_are_added_once_for_a_message_and_stay_together(database: Database) -> None:
    alerts, _queries, query = await fill(database)
    assert not await alerts.add(100, [alert(100, query)])
    assert not await alerts.add(999, [alert(999, query)])  # erased, or never posted
    now = datetime.now(UTC)
    (recipient,) = await alerts.due(now, 9)
    assert recipient.user_id == BOB
    batch = await alerts.next_batch(BOB)
    assert [each.message_id for each in batch] == [100, 102]
    await PostedClipStore(database).add([PostedClip(103, "sha256:a", HERE, CHANNEL, ANN, DAY)])
    assert await alerts.add(103, [alert(103, query)])
    assert await alerts.next_batch(BOB) == batch
    await alerts.remove(BOB, batch, failures=0, next_at=now)
    assert [each.message_id for each in await alerts.next_batch(BOB)] == [101]


async def test_alerts_are_erased_with_the_message_the_query_or_the_person(
    database: Database,
) -> None:
    alerts, queries, query = await fill(database)
    await PostedClipStore(database).erase(Messages(frozenset({100})))
    assert [each.message_id for each in await alerts.next_batch(BOB)] == [101]
    assert await queries.remove(BOB, query)
    assert await alerts.next_batch(BOB) == []
    assert await queries.add(replace(CAT, author_id=ANN, channel_id=CHANNEL), "en")
    await queries.forget_person(ANN)
    assert await queries.of_person(BOB) == []
    await PostedClipStore(database).erase(Channel(CHANNEL))
    await queries.forget_person(BOB)
    assert await queries.recipients([BOB]) == {}
