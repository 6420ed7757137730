from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

from cogs.suggestions import Suggestions


class HeldSearch:
    """Holds every query until the test lets it go on."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.begun, self.go_on = asyncio.Event(), asyncio.Event()

    async def suggest(self, typed: str, *_: Any) -> list[str]:
        self.asked.append(typed)
        self.begun.set()
        await self.go_on.wait()
        return [f"{typed}at"]


def key(search: HeldSearch, person: int) -> Any:
    """Return the interaction of a key that a person types, in a private channel."""
    app = SimpleNamespace(services=SimpleNamespace(search=search))
    client = SimpleNamespace(app=app, get_guild=lambda _: None)
    user = SimpleNamespace(id=person)
    return SimpleNamespace(client=client, user=user, guild_id=None, channel_id=1)


async def test_of_many_keys_only_the_first_and_the_newest_are_searched() -> None:
    suggestions, search = Suggestions(), HeldSearch()
    typed = [
        asyncio.create_task(suggestions.suggest(key(search, 1), f"c{number}"))
        for number in range(30)
    ]
    await search.begun.wait()
    other = asyncio.create_task(suggestions.suggest(key(search, 2), "d"))
    search.go_on.set()
    answers = await asyncio.gather(*typed)
    assert [choice.value for choice in await other] == ["dat"]
    assert search.asked == ["c0", "d", "c29"]
    assert [len(answer) for answer in answers] == [1] + [0] * 28 + [1]


async def test_keys_without_end_are_not_searched() -> None:
    suggestions, search = Suggestions(), HeldSearch()
    search.go_on.set()
    answers = [await suggestions.suggest(key(search, 1), "c") for _ in range(60)]
    assert answers[0]
    assert not answers[-1]
    assert len(search.asked) < 45
