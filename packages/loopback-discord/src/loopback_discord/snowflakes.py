"""Discord's ids: the milliseconds since 2015, shifted by 22 bits."""

from __future__ import annotations

import time
from datetime import UTC, datetime

_EPOCH_MS = 1_420_070_400_000  # https://docs.discord.com/developers/reference#snowflakes


class Snowflakes:
    """Gives ids that only grow, each in a millisecond of its own, so guilds spread over shards."""

    def __init__(self) -> None:
        self._last = 0

    def next(self) -> int:
        now = time.time_ns() // 1_000_000 - _EPOCH_MS
        self._last = max(now, self._last + 1)
        return self._last << 22


def created_at(snowflake: int) -> str:
    """Return when an id was made, as ISO 8601."""
    milliseconds = (snowflake >> 22) + _EPOCH_MS
    return datetime.fromtimestamp(milliseconds / 1000, UTC).isoformat()


def now() -> str:
    return datetime.now(UTC).isoformat()
