from __future__ import annotations

import json
from dataclasses import fields
from typing import Any

import pytest

from bot.domain.choices import READERS, read_choice, read_choices, write_choice
from bot.domain.concepts import TaggerIdentity
from bot.domain.settings import GuildSettings, Place, parse_threshold

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


@pytest.mark.parametrize(
    ("settings", "noticed"),
    [
        (GuildSettings(1), True),
        (GuildSettings(1, autotag=False), False),
        (GuildSettings(1, channels_allowed=frozenset({7})), True),
        (GuildSettings(1, channels_allowed=frozenset({9})), False),
        (GuildSettings(1, channels_denied=frozenset({6})), False),
        (GuildSettings(1, channels_allowed=frozenset({7}), channels_denied=frozenset({7})), False),
        (GuildSettings(1, roles_allowed=frozenset({3})), True),
        (GuildSettings(1, roles_allowed=frozenset({4})), False),
    ],
)
def test_a_server_says_where_and_whose_clips_are_noticed(
    settings: GuildSettings, *, noticed: bool
) -> None:
    thread_in_a_channel = Place(frozenset({6, 7}))
    assert settings.notices(thread_in_a_channel, {2, 3}) == noticed


def test_channels_for_adults_can_be_left_out() -> None:
    place = Place(frozenset({7}), nsfw=True)
    assert GuildSettings(1).notices(place, ())
    assert not GuildSettings(1, nsfw_channels=False).notices(place, ())


CHOICES: dict[str, Any] = {
    "autotag": False,
    "channels_allowed": frozenset({81384788765712384, 5}),
    "channels_denied": frozenset({6}),
    "roles_allowed": frozenset({7}),
    "nsfw_channels": False,
    "only_when_found": True,
    "in_thread": True,
    "picture": False,
    "hidden_tags": frozenset({"cat", "Žirafa"}),
    "tags_a_line": 5,
    "gap": 0,
    "shortest": 3,
    "language": "de",
}


def test_every_choice_is_read_back_as_it_was_written() -> None:
    written = json.loads(json.dumps({name: write_choice(v) for name, v in CHOICES.items()}))
    assert read_choices(written) == CHOICES


def test_every_choice_is_a_field_of_its_own() -> None:
    elsewhere = {"guild_id", "thresholds", "retention_days"}
    assert set(READERS) == {f.name for f in fields(GuildSettings)} - elsewhere
    assert set(CHOICES) == set(READERS)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("autotag", 1),
        ("gap", -1),
        ("gap", 61),
        ("gap", True),
        ("shortest", 0),
        ("tags_a_line", 0),
        ("channels_denied", [6]),
        ("channels_denied", ["6; DROP"]),
        ("channels_denied", ["1"] * 101),
        ("hidden_tags", [""]),
        ("hidden_tags", ["x" * 101]),
        ("language", "../../etc"),
        ("colour", "red"),
    ],
)
def test_an_unsound_choice_is_refused(name: str, value: object) -> None:
    with pytest.raises(ValueError, match=r"must|there is no"):
        read_choice(name, value)
    assert read_choices({name: value, "gap": 5} if name != "gap" else {name: value}) in (
        {"gap": 5},
        {},
    )
