from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING

import pytest
from sqlalchemy.dialects import sqlite

from bot.storage.tables import UtcDateTime

if TYPE_CHECKING:
    from sqlalchemy import Dialect

DIALECT: Dialect = sqlite.dialect()
NOON = datetime(2026, 7, 1, 12, tzinfo=UTC)


def test_a_time_is_stored_in_utc() -> None:
    in_prague = NOON.astimezone(timezone(timedelta(hours=2)))
    stored = UtcDateTime().process_bind_param(in_prague, DIALECT)
    assert stored is not None
    assert stored.tzinfo is UTC


def test_a_time_without_a_time_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="without a time zone"):
        UtcDateTime().process_bind_param(NOON.replace(tzinfo=None), DIALECT)


@pytest.mark.parametrize(
    "stored", [NOON.replace(tzinfo=None), NOON.astimezone(timezone(timedelta(hours=-5)))]
)
def test_a_loaded_time_is_in_utc(stored: datetime) -> None:
    loaded = UtcDateTime().process_result_value(stored, DIALECT)
    assert loaded == NOON
    assert loaded.tzinfo is UTC
