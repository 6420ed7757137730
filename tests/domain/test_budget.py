from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from bot.domain.budget import OPERATOR, Budget, Payer, Spending, Spent, Tally, month_of


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


@pytest.mark.parametrize(
    ("budget", "used", "frames", "allowed"),
    [
        (Budget(), 10_000, 10_000, True),
        (Budget(server=10_000), 0, 5000, True),
        (Budget(server=10_000), 0, 5001, False),
        (Budget(server=10_000), 4000, 1001, False),
        (Budget(server=10_000, overall=1000), 0, 601, False),
        (Budget(server=16), 0, 16, True),  # the month itself decides about a short clip
        (Budget(server=16), 1, 16, False),
    ],
)
def test_a_job_may_use_half_of_a_month(
    budget: Budget, used: int, frames: int, *, allowed: bool
) -> None:
    assert budget.allows(Payer("guild-1", "job", Tally(used)), frames) is allowed
    assert budget.allows(Payer(OPERATOR, "", Tally(used)), frames)


def test_months_sort_as_text() -> None:
    assert month_of(datetime(2026, 3, 31, 23, 59, tzinfo=UTC)) == "2026-03"


def test_the_reference_of_a_clip_is_always_the_same_and_does_not_tell_the_message() -> None:
    payer = Payer("guild-1", "message-1575923626811588608")
    first, again, other = (payer.for_clip(fingerprint).reference for fingerprint in "aab")
    assert first == again != other
    assert "1575923626811588608" not in first


@pytest.mark.parametrize(
    ("day", "used", "left"),
    [
        (1, Spent(), 500),  # a day's first clip may be longer than its tenth
        (1, Spent(1, 1), 99),
        (1, Spent(100, 100), 0),
        (1, Spent(0, 450), 50),  # half of the month
        (24, Spent(0, 450), 350),  # four fifths of the month are over
        (30, Spent(0, 950), 50),
    ],
)
def test_a_person_has_a_part_of_each_day_and_of_the_month_so_far(
    day: int, used: Spent, left: int
) -> None:
    budget = Budget(server=1000, overall=5000, person_share=10)
    payer = Payer("guild-1", person="5")
    when = date(2026, 11, day)
    assert budget.left_for_person(payer, Spending(person=used), when) == left
