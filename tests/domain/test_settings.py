from __future__ import annotations

import json
from dataclasses import fields
from typing import TYPE_CHECKING

import pytest

from bot.domain.concepts import TaggerIdentity
from bot.domain.setting_kinds import InvalidValue, TypedKind
from bot.domain.settings import PAGES, SETTINGS, GuildSettings, parse_threshold
from tests.domain.setting_values import SERVER, changed_value

if TYPE_CHECKING:
    from bot.domain.setting_spec import SettingSpec

IDENTITY = TaggerIdentity("local", "lite", 0.5)


@pytest.mark.parametrize(
    ("text", "threshold"),
    [("0.9", 0.9), (".9", 0.9), ("0,9", 0.9), ("90%", 0.9), (" 94.5 % ", 0.945), ("0", 0.0)],
)
def test_a_threshold_can_be_written_in_several_ways(text: str, threshold: float) -> None:
    assert parse_threshold(text) == pytest.approx(threshold)


@pytest.mark.parametrize("text", ["", "high", "1", "90", "-0.1", "nan", "inf", "100%", "1e9"])
def test_invalid_thresholds_are_refused(text: str) -> None:
    assert parse_threshold(text) is None


def test_the_threshold_is_the_servers_else_the_operators_else_the_taggers() -> None:
    assert GuildSettings(1, {"local:lite": 0.8}).threshold_for(IDENTITY, 0.7) == 0.8
    assert GuildSettings(1).threshold_for(IDENTITY, 0.7) == 0.7
    assert GuildSettings(1).threshold_for(IDENTITY) == 0.5


def test_a_threshold_for_another_tagger_does_not_apply() -> None:
    assert GuildSettings(1, {"clarifai:general": 0.94}).threshold_for(IDENTITY) == 0.5


@pytest.mark.parametrize(
    ("settings", "answered"),
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
def test_settings_limit_autotagging_by_channel_and_role(
    settings: GuildSettings, *, answered: bool
) -> None:
    thread_and_parent = {6, 7}
    assert settings.allows_autotag(thread_and_parent, {2, 3}) == answered


def test_age_restricted_channels_can_be_left_out() -> None:
    assert GuildSettings(1).allows_autotag({7}, (), nsfw=True)
    assert not GuildSettings(1, nsfw_channels=False).allows_autotag({7}, (), nsfw=True)


def test_every_field_is_declared_as_a_setting() -> None:
    declared = {field.name for field in fields(GuildSettings)} - {"guild_id"}
    assert set(SETTINGS) == declared
    assert {spec.page for spec in SETTINGS.values()} == set(PAGES)
    for name, spec in SETTINGS.items():
        assert spec.name == name
        assert getattr(GuildSettings(1), name) == spec.default


@pytest.mark.parametrize("spec", SETTINGS.values(), ids=list(SETTINGS))
def test_a_value_round_trips_through_json(spec: SettingSpec) -> None:
    for value in (spec.default, changed_value(spec)):
        written = json.loads(json.dumps(spec.kind.write(value)))
        assert spec.kind.read(written, SERVER) == value
    assert changed_value(spec) != spec.default


TYPED = [spec for spec in SETTINGS.values() if isinstance(spec.kind, TypedKind)]


@pytest.mark.parametrize("spec", TYPED, ids=lambda spec: spec.name)
def test_a_value_round_trips_through_a_form(spec: SettingSpec) -> None:
    assert isinstance(spec.kind, TypedKind)
    for value in (spec.default, changed_value(spec)):
        assert spec.kind.read(spec.kind.parse(spec.kind.text(value)), SERVER) == value


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("autotag", 1),
        ("gap", -1),
        ("gap", 61),
        ("gap", True),
        ("gap", None),
        ("shortest", 0),
        ("tags_a_line", 0),
        ("retention_days", 366),
        ("channels_denied", [6]),
        ("channels_denied", ["6; DROP"]),
        ("channels_denied", ["1"] * 101),
        ("hidden_tags", [""]),
        ("hidden_tags", ["x" * 101]),
        ("language", "../../etc"),
        ("thresholds", {"local:x": 1}),
    ],
)
def test_an_invalid_value_is_refused(name: str, value: object) -> None:
    with pytest.raises(InvalidValue):
        SETTINGS[name].kind.read(value, SERVER)


@pytest.mark.parametrize(
    ("name", "text"),
    [("gap", ""), ("gap", "1.5"), ("gap", "-1"), ("tags_a_line", "many"), ("retention_days", "0")],
)
def test_unparsable_text_is_refused(name: str, text: str) -> None:
    kind = SETTINGS[name].kind
    assert isinstance(kind, TypedKind)
    with pytest.raises(InvalidValue):
        kind.read(kind.parse(text), SERVER)


@pytest.mark.parametrize("name", ["tags_a_line", "retention_days"])
def test_an_optional_number_may_be_left_empty(name: str) -> None:
    kind = SETTINGS[name].kind
    assert isinstance(kind, TypedKind)
    assert kind.read(kind.parse(" "), SERVER) is None
