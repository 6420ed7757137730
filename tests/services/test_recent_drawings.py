from __future__ import annotations

import asyncio

from bot.services.recent_drawings import RecentDrawings


class Drawing:
    """Draws what it is told to, and counts how often."""

    def __init__(self) -> None:
        self.count = 0

    async def __call__(self) -> str:
        self.count += 1
        await asyncio.sleep(0)
        return "drawing"


async def test_what_several_people_want_at_once_is_drawn_once() -> None:
    recent, draw = RecentDrawings(len), Drawing()
    assert await asyncio.gather(*(recent.get("job", draw) for _ in range(5))) == ["drawing"] * 5
    assert await recent.get("job", draw) == "drawing"
    assert draw.count == 1
    await recent.get("other job", draw)
    assert draw.count == 2


async def test_the_drawings_used_last_are_kept_up_to_a_size() -> None:
    recent, draw = RecentDrawings(len, max_bytes=2 * len("drawing")), Drawing()
    for key in ("a", "b", "a", "c"):
        await recent.get(key, draw)
    assert draw.count == 3
    await recent.get("a", draw)
    assert draw.count == 3
    await recent.get("b", draw)
    assert draw.count == 4
