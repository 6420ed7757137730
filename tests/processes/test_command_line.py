"""The command line, run as a real process: its output and its exit codes."""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from bot.__main__ import main
from tests.conftest import CLIPS
from tests.processes.programs import completed

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.processes.programs import Completed

    Framehound = Callable[..., Completed]

pytestmark = pytest.mark.process


@pytest.fixture
def framehound(data_dir: Path, tmp_path: Path) -> Framehound:
    """Run ``framehound`` in a folder of its own."""

    def run(*arguments: str, fresh: bool = False, **settings: str) -> Completed:
        settings = {"DATA_DIR": str(data_dir), **settings}
        return asyncio.run(completed(settings, tmp_path, *arguments, fresh=fresh))

    return run


def test_tags_and_refusals_are_printed_as_plain_text_without_a_terminal(
    framehound: Framehound,
) -> None:
    done = framehound("tag", "nowhere.mp4", str(CLIPS / "montage.mp4"), fresh=True)
    assert done.returncode == 3, done.stderr
    assert done.stderr.startswith(
        "nowhere.mp4: I couldn't find this clip. It may have been moved or deleted."
    )
    lines = done.stdout.splitlines()
    assert lines[0] == "montage.mp4 · 16 s · tags above 0.5"
    assert lines[1].startswith("0:00–0:04  ")
    assert "cat ." in lines[1]
    assert "\x1b" not in done.stdout + done.stderr
    readme = (CLIPS.parents[1] / "README.md").read_text("utf-8")
    assert without_scores(done.stdout) in without_scores(readme)


def without_scores(text: str) -> str:
    """Leave out the scores' digits, which may differ a little on another processor."""
    return re.sub(r"\.\d\d\b", ".##", text).strip()


def test_a_picture_and_a_page_are_written_for_each_clip(
    framehound: Framehound, tmp_path: Path
) -> None:
    (tmp_path / "a b.mp4").write_bytes((CLIPS / "city.mp4").read_bytes())
    (tmp_path / "pages").mkdir()
    clips = [str(CLIPS / "city.mp4"), "a b.mp4"]
    done = framehound("tag", *clips, "--picture", "a.png", "--html", "pages/a.html")
    assert done.returncode == 0, done.stderr
    written = {path.name: path.read_bytes()[:8] for path in tmp_path.glob("a*.png")}
    assert written == dict.fromkeys(("a-1.png", "a-2.png"), b"\x89PNG\r\n\x1a\n")
    pages = {path.name: path.read_text() for path in (tmp_path / "pages").iterdir()}
    assert set(pages) == {"a-1.html", "a-2.html"}
    assert 'preload="metadata" src="../a%20b.mp4">' in pages["a-2.html"]
    nowhere = ["--picture", "/nowhere/a.png", "--html", "/nowhere/a.html"]
    refused = framehound("tag", clips[0], *nowhere)
    assert (refused.returncode, refused.stderr) == (
        2,
        "--picture: folder /nowhere doesn't exist\n--html: folder /nowhere doesn't exist\n",
    )


def test_json_has_one_object_per_line_in_the_given_order(framehound: Framehound) -> None:
    good, missing, text = str(CLIPS / "montage.gif"), "nowhere.mp4", str(CLIPS / "README.md")
    link = "http://127.0.0.1/x.mp4"
    done = framehound("tag", "--json", "--threshold", "0.3", good, missing, text, link)
    assert done.returncode == 3
    first, *others = [json.loads(line) for line in done.stdout.splitlines()]
    _check_tagged(first)
    codes = [other["error"]["code"] for other in others]
    assert codes == ["not_found", "unsupported_format", "address_not_public"]
    assert [other["clip"] for other in others] == ["nowhere.mp4", "README.md", link]


def _check_tagged(printed: dict[str, Any]) -> None:
    size = (CLIPS / "montage.gif").stat().st_size
    assert (printed["clip"], printed["format"], printed["bytes"]) == ("montage.gif", "gif", size)
    assert printed["duration"] == 16.0
    assert printed["tagger"] == "local:efficientnet-lite0"
    assert printed["threshold"] == 0.3
    assert printed["fingerprint"].startswith("sha256:")
    assert [second["second"] for second in printed["seconds"]] == list(range(16))
    for second in printed["seconds"]:
        scores = [tag["score"] for tag in second["tags"]]
        assert scores == sorted(scores, reverse=True)
        assert all(0.3 < score <= 1 for score in scores)
    cats = [segment for segment in printed["segments"] if segment["tag"] == "cat"]
    assert [(cat["start"], cat["end"]) for cat in cats] == [(0, 4), (13, 16)]


def test_a_tagger_that_fails_has_its_own_exit_code(framehound: Framehound) -> None:
    settings = {"CLARIFAI_PAT": "hush-hush", "CLARIFAI_API_URL": "http://127.0.0.1:1"}
    done = framehound("check", **settings)
    assert done.returncode == 4
    assert "hush-hush" not in done.stdout + done.stderr


def test_invalid_settings_are_all_reported_at_once(framehound: Framehound) -> None:
    done = framehound("run", MAX_URL_MB="lots", LOG_LEVEL="LOUD")
    assert done.returncode == 2
    names = [line.partition(":")[0] for line in done.stderr.splitlines()]
    assert names == ["DISCORD_TOKEN", "MAX_URL_MB", "LOG_LEVEL"]


@pytest.mark.parametrize(
    "arguments", [("tag",), ("tag", "--threshold", "2", "x.mp4"), ("tag", "--tagger", "x", "y")]
)
def test_wrong_usage_is_exit_code_2(
    arguments: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.argv", ["framehound", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2


def test_check_prints_a_line_for_each_part(framehound: Framehound, tmp_path: Path) -> None:
    (tmp_path / ".env").touch()
    (tmp_path / ".env").chmod(0o644)
    done = framehound("check")
    assert done.stdout.splitlines()[0].endswith("run chmod 600 .env")
    assert done.returncode == 0, done.stdout
    parts = [line.partition(":")[0] for line in done.stdout.splitlines()]
    assert parts == ["settings", "database", "discord", "sandbox", "local"]


@pytest.mark.parametrize(
    ("module", "heavy"),
    [
        ("bot.__main__", {"discord", "dbos", "sqlalchemy", "alembic", "aiohttp"}),
        ("bot.cli.tag, bot.cli.find", {"discord", "dbos", "alembic", "mako"}),
        ("bot.cli.run, cogs.autotag, cogs.tags, cogs.settings", {"alembic", "mako"}),
    ],
)
def test_decoding_libraries_are_not_imported_by_the_parent(module: str, heavy: set[str]) -> None:
    unwanted = {"av", "numpy", "onnxruntime", "onnx", "PIL"} | heavy
    code = f"import sys, {module}; print(sorted({unwanted} & set(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code],
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    assert done.stdout.strip() == "[]"
