from __future__ import annotations

import re

import pytest

from bot.chat.buttons import (
    PATTERN,
    Action,
    ButtonState,
    higher,
    lower,
    page_buttons,
    report_buttons,
)
from bot.i18n import ENGLISH


def test_a_button_id_holds_everything_needed_to_answer_it() -> None:
    pressed = ButtonState(Action.LOWER, f"interaction-{2**63 - 1}", 0.9234, 12)
    assert len(pressed.custom_id) <= 100


@pytest.mark.parametrize("action", Action)
def test_a_button_id_round_trips(action: Action) -> None:
    pressed = ButtonState(action, "message-81384788765712384", 0.94, 3)
    match = re.fullmatch(PATTERN, pressed.custom_id)
    assert match
    assert ButtonState.read(match) == pressed


@pytest.mark.parametrize(
    ("threshold", "below", "above"), [(0.94, 0.92, 0.96), (0.93, 0.92, 0.94), (0.5, 0.4, 0.6)]
)
def test_buttons_step_through_the_thresholds(threshold: float, below: float, above: float) -> None:
    assert (lower(threshold), higher(threshold)) == (below, above)


def test_the_lowest_and_highest_thresholds_have_no_next_step() -> None:
    assert lower(0.1) is None
    assert higher(0.99) is None


@pytest.mark.parametrize("count", [2, 3])
async def test_button_ids_are_unique(count: int) -> None:
    pressed = ButtonState(Action.ALL_TAGS, "message-1", 0.5)
    for page in range(count):
        turned = ButtonState(Action.ALL_TAGS, "message-1", 0.5, page)
        ids = [
            part["custom_id"]
            for part in page_buttons(turned, count, ENGLISH).to_components()[0]["components"]
        ]
        assert len(set(ids)) == 2
    ids = [
        part["custom_id"]
        for part in report_buttons("message-1", 0.5, ENGLISH).to_components()[0]["components"]
    ]
    assert len(set(ids)) == 5
    assert pressed.page == 0
