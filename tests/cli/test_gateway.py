from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bot.cli.gateway import gateway_names

if TYPE_CHECKING:
    from collections.abc import Callable


def test_gateways_that_share_a_shard_share_a_name(make_config: Callable[..., Any]) -> None:
    def names(**settings: Any) -> set[str]:
        return set(gateway_names(make_config(**settings)))

    first, second = (names(shard_count=8, shard_ids=ids) for ids in ((0, 1, 2), (3, 4)))
    assert not first & second
    assert first & names(shard_count=8, shard_ids=(2, 3))
    assert first | second < names(shard_count=8)
    assert names() == names()
    assert not names() & names(discord_token="another-made-up-token")
    assert not any("made-up" in name for name in names(shard_count=8))
