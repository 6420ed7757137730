from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from bot.chat.left_guilds import LeftGuilds


def test_a_process_judges_only_the_servers_of_its_own_shards() -> None:
    """The servers of other shards are never among those that its gateway names."""
    bot: Any = SimpleNamespace(shard_count=4, shards={0: ..., 2: ...})
    guilds = LeftGuilds(bot)
    judged = [number for number in range(8) if guilds._is_of_our_shards(number << 22 | 5)]
    assert judged == [0, 2, 4, 6]
