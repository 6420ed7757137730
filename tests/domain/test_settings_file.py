from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from bot.domain.alerts import MAX_WATCHES, Watch
from bot.domain.setting_kinds import MAX_HIDDEN_TAGS, ServerContext
from bot.domain.settings import SETTINGS, GuildSettings
from bot.domain.settings_file import MAX_BYTES, InvalidSettingsFile, read_file, write_file
from tests.domain import setting_values

SERVER = ServerContext(channel_ids={5, 6}, role_ids={7}, max_days=365)
WATCHES = (Watch("cat", 5, 0.7), Watch("dog", 6))


def written(**changes: Any) -> bytes:
    return json.dumps({"framehound_settings": 1, **changes}).encode()


def test_every_setting_round_trips_through_a_file() -> None:
    server = setting_values.SERVER
    settings, watches = setting_values.changed_settings(1), (Watch("cat", 5, 0.7), Watch("dog", 5))
    file = read_file(write_file(settings, watches, server).encode(), server)
    assert set(file.values) == set(SETTINGS)
    assert GuildSettings(1, **file.values) == settings
    assert file.watches == watches


def test_an_export_leaves_out_deleted_channels_and_roles() -> None:
    settings = GuildSettings(1, channels_allowed=frozenset({5, 6}), roles_allowed=frozenset({7}))
    server = replace(SERVER, channel_ids={6}, role_ids=())
    file = read_file(write_file(settings, WATCHES, server).encode(), server)
    assert file.values["channels_allowed"] == {6}
    assert file.values["roles_allowed"] == set()
    assert file.watches == (Watch("dog", 6),)


def test_an_import_sets_only_what_the_file_names() -> None:
    file = read_file(written(gap=2), SERVER)
    assert file.values == {"gap": 2}
    assert file.watches is None
    assert read_file(written(retention_days=None), SERVER).values == {"retention_days": None}


@pytest.mark.parametrize(
    ("changes", "mistake"),
    [
        ({"gap": -1}, "gap: Use a whole number from 0 to 60."),
        ({"colour": "red"}, "colour: There's no setting with this name."),
        ({"channels_denied": ["5", "99"]}, "channels_denied: This server has no such channel: 99."),
        ({"roles_allowed": ["5"]}, "roles_allowed: This server has no such role: 5."),
        ({"thresholds": [0.5]}, "thresholds: List taggers, each with a score."),
        ({"thresholds": {"x": 1}}, "thresholds: Use a score from 0 to just below 1, such as 0.9."),
        ({"thresholds": {"x": True}}, "thresholds: Use a score"),
        ({"thresholds": {"x" * 201: 0.5}}, "thresholds: List taggers"),
        ({"retention_days": 366}, "retention_days: Use a whole number from 1 to 365."),
        ({"retention_days": True}, "retention_days: Use a whole number from 1 to 365."),
        ({"watches": {}}, "watches: Use a list of at most 25 watches."),
        ({"watches": [{}] * (MAX_WATCHES + 1)}, "watches: Use a list of at most 25"),
        (
            {"watches": [[]]},
            "watches: Each watch needs a tag and a channel, and may have a threshold.",
        ),
        ({"watches": [{"tag": " ", "channel": "5"}]}, "watches: Each watch needs a tag"),
        ({"watches": [{"tag": "a", "channel": "5", "x": 1}]}, "watches: Each watch needs a tag"),
        ({"watches": [{"tag": "a", "channel": 5}]}, "watches: Use IDs made of digits"),
        (
            {"watches": [{"tag": "a", "channel": "9"}]},
            "watches: This server has no such channel: 9.",
        ),
        (
            {"watches": [{"tag": "a", "channel": "5", "threshold": 2}]},
            "watches: Use a score from 0 to just below 1",
        ),
        (
            {"watches": [{"tag": tag, "channel": "5"} for tag in ("Cat", "cat")]},
            "watches: List each tag only once.",
        ),
        (
            {"framehound_settings": 2},
            "framehound_settings: I can only read version 1 of settings files.",
        ),
        (
            {"framehound_settings": True},
            "framehound_settings: I can only read version 1 of settings files.",
        ),
    ],
)
def test_a_mistake_is_reported_with_its_key(changes: dict[str, Any], mistake: str) -> None:
    with pytest.raises(InvalidSettingsFile) as refused:
        read_file(written(**changes), SERVER)
    assert str(refused.value).startswith(mistake)
    assert len(refused.value.mistakes) == 1


def test_all_mistakes_are_reported_at_once() -> None:
    with pytest.raises(InvalidSettingsFile) as refused:
        read_file(written(gap=-1, autotag="yes", size=3, watches=1), SERVER)
    names = [mistake.name for mistake in refused.value.mistakes]
    assert names == ["gap", "autotag", "size", "watches"]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff\xfe",
        b"[" * MAX_BYTES,
        b'{"a":' * 50_000,
        b"[]",
        b"{}",
        b'{"framehound_settings": NaN}',
        b'{"framehound_settings": ' + b"1" * 5000 + b"}",
    ],
    ids=["empty", "bytes", "deep", "deep objects", "list", "other", "no JSON", "endless number"],
)
def test_a_file_of_another_format_is_refused(content: bytes) -> None:
    with pytest.raises(InvalidSettingsFile, match=r"This isn't a file from `/settings export`."):
        read_file(content, SERVER)


def test_the_largest_file_there_can_be_fits() -> None:
    ids = frozenset(range(10**18, 10**18 + 100))
    server = ServerContext(ids, ids, 365)
    tags = frozenset(f"{number:03}" + "\N{GRINNING FACE}" * 97 for number in range(MAX_HIDDEN_TAGS))
    settings = GuildSettings(
        1, channels_allowed=ids, channels_denied=ids, roles_allowed=ids, hidden_tags=tags
    )
    watches = [Watch(tag, 10**18, 0.123456789) for tag in sorted(tags)[:MAX_WATCHES]]
    content = write_file(settings, watches, server).encode()
    assert len(content) < MAX_BYTES / 2
    assert read_file(content, server).values["hidden_tags"] == tags
