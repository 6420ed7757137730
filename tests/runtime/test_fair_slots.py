from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

from bot.runtime.fair_slots import FairSlots


class Work:
    """Holds slots until a test ends one, and records the order in which slots were given."""

    def __init__(self, slots: FairSlots) -> None:
        self.order: list[str] = []
        self._slots = slots
        self._ends: dict[str, asyncio.Event] = {}

    async def run(self, name: str) -> None:
        self._ends[name] = asyncio.Event()
        async with self._slots.held(name[0]):
            self.order.append(name)
            await self._ends[name].wait()

    async def end(self, name: str) -> None:
        self._ends[name].set()
        await settled()


async def settled() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_an_owner_with_much_work_does_not_delay_others() -> None:
    work = Work(FairSlots(total=4, per_owner=3))
    async with asyncio.TaskGroup() as group:
        for name in ("a1", "a2", "a3", "a4", "a5", "b1", "b2", "c1"):
            group.create_task(work.run(name))
            await settled()
        assert work.order == ["a1", "a2", "a3", "b1"]
        await work.end("a1")
        assert work.order[4:] == ["c1"]  # holds none, where a holds two and b one
        await work.end("a2")
        assert work.order[5:] == ["a4"]  # a and b hold one each, and b was served last
        for name in ("a3", "b1", "c1", "a4", "b2", "a5"):
            await work.end(name)
    assert sorted(work.order) == ["a1", "a2", "a3", "a4", "a5", "b1", "b2", "c1"]


async def test_owners_with_equally_many_slots_take_turns() -> None:
    work = Work(FairSlots(total=1, per_owner=1))
    async with asyncio.TaskGroup() as group:
        for name in ("a1", "a2", "a3", "b1", "b2"):
            group.create_task(work.run(name))
        await settled()
        for name in ("a1", "b1", "a2", "b2", "a3"):
            assert work.order[-1] == name
            await work.end(name)


async def test_a_cancelled_turn_is_passed_on_and_no_slot_is_lost() -> None:
    slots = FairSlots(total=1, per_owner=1)
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(slots.held("a"))
        waiting = [asyncio.create_task(Work(slots).run(name)) for name in ("b1", "b2")]
        await settled()
        waiting[0].cancel()
    waiting[1].cancel()  # at the moment when it gets the slot
    await asyncio.gather(*waiting, return_exceptions=True)
    async with asyncio.timeout(60), slots.held("c"):
        assert not slots._waiting
        assert slots._held == {"c": 1}
    assert not slots._held
