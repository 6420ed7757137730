"""``framehound find`` as the operator runs it, in this process."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest
from typer.testing import CliRunner

from bot.__main__ import cli
from bot.storage.database import Database
from bot.storage.posted_clips import PostedClip, PostedClipStore
from bot.storage.taggings import TaggingStore
from tests.cogs.searchable_clips import DAY, message_at, tagging
from tests.storage.test_schema import BEFORE_RELEASE

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from typer.testing import Result

FIRST, SECOND, THIRD = message_at(0), message_at(0, 1), message_at(1)
CLIPS = (
    PostedClip(FIRST, "sha256:a", 100, 10, 51, DAY, position=2, clips=3),
    PostedClip(SECOND, "sha256:a", None, 30, None, DAY, parent_id=31),
    PostedClip(THIRD, "sha256:b", 200, 20, 52, DAY),
)

SEGMENTS = [{"start": 0, "end": 1, "score": 0.97}, {"start": 3, "end": 4, "score": 0.6}]


@pytest.fixture
def find(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    monkeypatch.setenv("DATA_DIR", str(data_dir))
    asyncio.run(_fill(f"sqlite:///{data_dir / 'framehound.sqlite'}"))

    def run(*arguments: str) -> Result:
        return CliRunner().invoke(cli, ["find", *arguments])

    return run


async def _fill(url: str) -> None:
    async with Database.open(url) as database:
        await TaggingStore(database).save(tagging("sha256:a", {"Cat": 0.97}, {}, {}, {"Cat": 0.6}))
        await TaggingStore(database).save(tagging("sha256:b", {"Cat": 0.8}))
        await PostedClipStore(database).add(CLIPS)


def test_results_are_printed_one_per_line_newest_first(find: Callable[..., Result]) -> None:
    assert find("CAT").stdout == (
        f"2026-11-25 12:00  0:00–0:01  Cat .80  https://discord.com/channels/200/20/{THIRD}\n"
        "2026-11-24 12:00  0:00–0:01, 0:03–0:04  Cat .97  "
        f"https://discord.com/channels/@me/30/{SECOND}\n"
        "2026-11-24 12:00  0:00–0:01, 0:03–0:04  Cat .97  clip 2 of 3  "
        f"https://discord.com/channels/100/10/{FIRST}\n"
    )


@pytest.mark.parametrize(
    ("options", "found"),
    [
        (("--server", "200"), [THIRD]),
        (("--channel", "31"), [SECOND]),
        (("--author", "51"), [FIRST]),
        (("--since", "2026-11-25"), [THIRD]),
        (("--until", "2026-11-24"), [SECOND, FIRST]),
        (("--min-score", "0.9"), [SECOND, FIRST]),
        (("--min-score", "0.99"), []),
    ],
)
def test_options_filter_the_results(
    find: Callable[..., Result], options: tuple[str, ...], found: list[int]
) -> None:
    result = find("cat", "--json", *options)
    assert result.exit_code == 0
    assert [int(json.loads(line)["message"]) for line in result.stdout.splitlines()] == found


def test_json_has_every_field_of_a_result(find: Callable[..., Result]) -> None:
    printed: dict[str, Any] = json.loads(find("cat", "--json", "--server", "100").stdout)
    assert printed == {
        "link": f"https://discord.com/channels/100/10/{FIRST}",
        "server": "100",
        "channel": "10",
        "message": str(FIRST),
        "author": "51",
        "posted_at": "2026-11-24T12:00:00+00:00",
        "fingerprint": "sha256:a",
        "tagger": "local:net",
        "clip": 2,
        "clips": 3,
        "tag": "Cat",
        "score": 0.97,
        "threshold": 0.5,
        "segments": SEGMENTS,
        "matches": [{"kind": "tag", "name": "Cat", "segments": SEGMENTS}],
        "together": [{"start": 0, "end": 1}, {"start": 3, "end": 4}],
    }


def test_nothing_is_printed_if_nothing_is_found(find: Callable[..., Result]) -> None:
    result = find("unheard of")
    assert (result.exit_code, result.output) == (0, "No clips found.\n")


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("kitty", [THIRD, SECOND, FIRST]),
        ("gato -perro by:51", [FIRST]),
        ("Katze in:20", [THIRD]),
        ("cat piano", []),
        ("after:2026-11-25", [THIRD]),
        ("cat before:2026-11-25", [SECOND, FIRST]),
    ],
)
def test_queries_have_words_and_operators(
    find: Callable[..., Result], query: str, found: list[int]
) -> None:
    result = find(query, "--json")
    assert [int(json.loads(line)["message"]) for line in result.stdout.splitlines()] == found


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("cat by:ben", "by: give an ID here"),
        ("cat after:soon", "write dates as year-month-day"),
        ('""', "Write what I should look for."),
        ("a1 " * 13, "I can look for 12 words at once."),
    ],
)
def test_a_query_that_cannot_be_understood_is_refused(
    find: Callable[..., Result], query: str, said: str
) -> None:
    result = find(query)
    assert (result.exit_code, result.stdout) == (2, "")
    assert said in result.stderr


def test_an_invalid_day_is_refused(find: Callable[..., Result]) -> None:
    result = find("cat", "--since", "yesterday")
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == "--since: write dates as year-month-day, such as 2026-11-24\n"


def test_a_database_from_before_the_release_is_refused_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATA_DIR", str(tmp_path))
    with closing(sqlite3.connect(tmp_path / "framehound.sqlite")) as old:
        old.executescript(BEFORE_RELEASE.read_text())
    result = CliRunner().invoke(cli, ["find", "cat"])
    assert result.exit_code == 2
    assert result.stderr.startswith("DATABASE_URL: ")
    assert "before the first release" in result.stderr
    assert result.stderr.count("\n") == 1
