"""The last searches of each person."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from sqlalchemy import update

from bot.domain.search_request import SearchRequest
from bot.storage.recent_searches import KEPT, KEPT_DAYS, RecentSearchStore
from bot.storage.tables import recent_searches

if TYPE_CHECKING:
    from bot.storage.database import Database

ASKED = SearchRequest('cat "ha ha"', None, 5, 6, 739_000, 739_001, 0.5, "best")


async def test_a_search_is_found_by_its_number_and_by_nobody_else(database: Database) -> None:
    store = RecentSearchStore(database)
    number = await store.save(1, 2, ASKED)
    assert await store.find(number, 1) == ASKED
    assert await store.find(number, 3) is None
    assert await store.latest(1, None) == await store.latest(3, 2) == []


async def test_the_same_search_is_kept_once_and_the_oldest_go(database: Database) -> None:
    store = RecentSearchStore(database)
    first = await store.save(1, None, ASKED)
    other = await store.save(2, None, ASKED)
    await store.save(1, None, SearchRequest("dog"))
    again = await store.save(1, None, ASKED)
    assert again == first  # the buttons under the earlier results still work
    assert await store.latest(1, None) == [ASKED, SearchRequest("dog")]
    for number in range(KEPT):
        await store.save(1, None, SearchRequest(f"cat {number}"))
    latest = await store.latest(1, None)
    assert [each.query for each in latest] == [f"cat {n}" for n in reversed(range(KEPT))]
    assert await store.find(again, 1) is None
    assert await store.find(other, 2) == ASKED


async def test_old_searches_are_purged(database: Database) -> None:
    store = RecentSearchStore(database)
    await store.save(1, None, ASKED)
    assert await store.purge() == 0
    async with database.writing() as connection:
        long_ago = datetime.now(UTC) - timedelta(days=KEPT_DAYS + 1)
        await connection.execute(update(recent_searches).values(searched_at=long_ago))
    assert await store.purge() == 1


def test_a_request_of_another_version_can_be_read() -> None:
    assert SearchRequest.from_json('{"query": "cat", "mood": "happy"}') == SearchRequest("cat")
    assert SearchRequest.from_json(ASKED.to_json()) == ASKED
