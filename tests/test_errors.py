from __future__ import annotations

import json

import pytest

from bot.errors import (
    BudgetExhausted,
    Damaged,
    ErrorRecord,
    FramehoundError,
    QuotaExhausted,
    TaggerRefused,
    TooLarge,
    TooLong,
    TooSlow,
    UnsupportedFormat,
)
from bot.storage.database import StorageUnavailable


@pytest.mark.parametrize(
    "error",
    [
        TooLarge.of(12_345_678, 10_000_000),
        TooLong.of(660_500, 600_000),
        UnsupportedFormat(format="PNG", formats="MP4"),
        TooSlow(stage="open", detail="killed"),
        TaggerRefused(reason="no"),
        Damaged(),
        StorageUnavailable(detail="locked"),
        FramehoundError(detail="x"),
    ],
)
def test_an_error_round_trips(error: FramehoundError) -> None:
    saved = json.dumps(error.record().as_dict())
    back = ErrorRecord.from_dict(json.loads(saved)).restore()
    assert type(back) is type(error)
    assert (str(back), back.detail, back.facts) == (str(error), error.detail, error.facts)


def test_an_unknown_code_is_still_an_error() -> None:
    record = ErrorRecord("from the future", {"a": "b"})
    assert str(record.restore()) == "Something went wrong on my end. Try again later."


def test_a_stored_refusal_for_want_of_frames_keeps_its_reason() -> None:
    error = BudgetExhausted.of(9)
    stored = ErrorRecord.from_dict(error.record().as_dict())
    assert str(stored.restore()) == str(error)
    assert BudgetExhausted.is_of_server(stored)
    assert not BudgetExhausted.is_of_server(BudgetExhausted.of(9, "job").record())
    assert not BudgetExhausted.is_of_server(QuotaExhausted().record())


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (
            TooLarge.of(12_345_678, 10_000_000),
            "This clip is too large: 12.3 MB. The limit is 10 MB.",
        ),
        (
            TooLarge.of(10_000_001, 10_000_000),
            "This clip is too large: 10.000001 MB. The limit is 10 MB.",
        ),
        (
            TooLarge.of(10**7 + 1, 10**7, at_least=True),
            "This clip is too large: at least 10.000001 MB. The limit is 10 MB.",
        ),
        (TooLong.of(612_000, 600_000), "This clip is too long: 10.2 min. The limit is 10 min."),
        (
            TooLong.of(600_001, 600_000),
            "This clip is too long: 10.00002 min. The limit is 10 min.",
        ),
    ],
)
def test_a_figure_and_its_limit_never_look_equal(error: FramehoundError, sentence: str) -> None:
    assert str(error) == sentence
