from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from bot.domain.cooldown import Cooldown


def test_a_burst_is_allowed_and_then_one_at_a_time() -> None:
    cooldown = Cooldown(at_once=3, pause=10)
    assert [cooldown.wait(1, 0) for _ in range(5)] == [0, 0, 0, 10, 10]
    assert cooldown.wait(1, 4) == 6
    assert [cooldown.wait(1, 10), cooldown.wait(1, 10)] == [0, 10]
    assert cooldown.wait(2, 10) == 0
    assert [cooldown.wait(1, 100) for _ in range(4)] == [0, 0, 0, 10]


@given(st.lists(st.floats(0, 5), max_size=60))
def test_the_rate_never_exceeds_the_limit(pauses: list[float]) -> None:
    cooldown, now, let = Cooldown(at_once=3, pause=2), 0.0, []
    for pause in pauses:
        now += pause
        if cooldown.wait(1, now) == 0:
            let.append(now)
    for first in range(len(let)):
        for last in range(first, len(let)):
            assert last - first + 1 <= 3 + (let[last] - let[first]) / 2 + 1e-6


def test_idle_keys_are_removed_from_memory() -> None:
    cooldown = Cooldown(at_once=1, pause=1)
    for who in range(10_000):
        cooldown.wait(who, 0)
    assert cooldown.wait(10_001, 0.5) == 0
    assert cooldown.wait(1, 0.5) == 0.5
    cooldown.wait(10_002, 5)
    assert len(cooldown._full_again) == 1
