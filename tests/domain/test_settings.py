from __future__ import annotations

import pytest

from bot.domain.concepts import TaggerIdentity
from bot.domain.settings import GuildSettings, parse_threshold

IDENTITY = TaggerIdentity("local", "lite", 0.5)


@pytest.mark.parametrize(
    ("text", "threshold"),
    [("0.9", 0.9), (".9", 0.9), ("0,9", 0.9), ("90%", 0.9), (" 94.5 % ", 0.945), ("0", 0.0)],
)
def test_a_threshold_is_read_as_people_write_it(text: str, threshold: float) -> None:
    assert parse_threshold(text) == pytest.approx(threshold)


@pytest.mark.parametrize("text", ["", "high", "1", "90", "-0.1", "nan", "inf", "100%", "1e9"])
def test_what_is_no_threshold_is_refused(text: str) -> None:
    assert parse_threshold(text) is None


def test_a_threshold_is_the_servers_else_the_operators_else_the_taggers() -> None:
    assert GuildSettings(1, {"local:lite": 0.8}).threshold_for(IDENTITY, 0.7) == 0.8
    assert GuildSettings(1).threshold_for(IDENTITY, 0.7) == 0.7
    assert GuildSettings(1).threshold_for(IDENTITY) == 0.5


def test_another_taggers_threshold_does_not_apply() -> None:
    assert GuildSettings(1, {"clarifai:general": 0.94}).threshold_for(IDENTITY) == 0.5
