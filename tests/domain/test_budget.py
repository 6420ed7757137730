from __future__ import annotations

from datetime import UTC, datetime

import pytest

from bot.domain.budget import Budget, month_of


@pytest.mark.parametrize(
    ("budget", "room"),
    [
        (Budget(), None),
        (Budget(server=100), 70),
        (Budget(overall=100), 10),
        (Budget(server=100, overall=1000), 70),
        (Budget(server=100, overall=95), 5),
        (Budget(server=20), 0),
        (Budget(overall=20), 0),
    ],
)
def test_the_lower_limit_applies(budget: Budget, room: int | None) -> None:
    assert budget.remaining(used=30, used_overall=90) == room


def test_months_sort_as_text() -> None:
    assert month_of(datetime(2026, 3, 31, 23, 59, tzinfo=UTC)) == "2026-03"
