from __future__ import annotations

import asyncio
import json
import os
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from bot.cli import tag
from bot.domain.clip import ClipFormat
from tests.media.numbered_clips import numbered_clip
from tests.stand_ins import clarifai_replies as replies
from tests.stand_ins.clarifai import LoopbackClarifai
from tests.stand_ins.clarifai_judge import TOKEN

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import pytest


async def test_clips_are_tagged_concurrently_and_printed_in_order(
    make_config: Callable[..., Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Clarifai answers only once it has been asked about all clips."""
    clips = [numbered_clip(tmp_path / f"{n}.mp4", ClipFormat.MP4, n) for n in (1, 2, 3)]
    async with LoopbackClarifai() as clarifai:
        clarifai.serve(replace(replies.frames({0: {"cat": 0.99}}), hangs=True))
        config = make_config(clarifai_pat=TOKEN, clarifai_api_url=clarifai.url)
        given = [*map(str, clips), "nowhere.mp4"]
        running = asyncio.create_task(tag.tag(config, given, tag.TagOptions(as_json=True)))
        await clarifai.wait_for_calls(3)
        clarifai.release()
        assert await running == 3  # one was refused
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["clip"] for line in lines] == ["1.mp4", "2.mp4", "3.mp4", "nowhere.mp4"]
    assert [len(line["seconds"]) for line in lines[:3]] == [1, 2, 3]
    assert lines[3]["error"]["code"] == "not_found"


HOSTILE = "\x1b]0;owned\x07 \x9b31m \u202e \udcff.mp4"


async def test_a_hostile_file_name_reaches_no_terminal_unescaped(
    make_config: Callable[..., Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Print one clip that is there and one that is missing, as text and as JSON."""
    clip = numbered_clip(tmp_path / "1.mp4", ClipFormat.MP4, 1).rename(tmp_path / HOSTILE)
    given, config = [str(clip), f"missing {HOSTILE}"], make_config(tagger="local")
    pages = tmp_path / "page.html"
    assert await tag.tag(config, given, tag.TagOptions(html=pages)) == 3
    assert await tag.tag(config, given, tag.TagOptions(as_json=True)) == 3
    out, err = capsys.readouterr()
    assert not {*HOSTILE} - {*" ]0;owned31m.mp4"} & {*(out + err)}
    names = [json.loads(line)["clip"] for line in out.splitlines() if line.startswith("{")]
    assert names == [HOSTILE, f"missing {HOSTILE}"]
    assert err.startswith(r"missing \x1b]0;owned\x07 \x9b31m \u202e \udcff.mp4: I couldn't find")
    assert "%20%FF.mp4" in (tmp_path / "page-1.html").read_text()


async def test_square_brackets_in_a_name_are_shown_on_a_terminal(
    make_config: Callable[..., Any],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "[").mkdir()
    numbered_clip(tmp_path / "[" / "x].mp4", ClipFormat.MP4, 1)
    assert await tag.tag(make_config(tagger="local"), ["[/x].mp4"], tag.TagOptions()) == 0
    out, err = capsys.readouterr()
    assert "x].mp4" in out
    assert "[/x].mp4" in err


async def test_only_regular_files_are_clips(
    make_config: Callable[..., Any],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    os.mkfifo("pipe.mp4")
    (tmp_path / "a:").mkdir()
    numbered_clip(tmp_path / "a:" / "b.mp4", ClipFormat.MP4, 1)
    given = ["pipe.mp4", "/dev/zero", ".", "a://b.mp4", "a://c.mp4"]
    async with asyncio.timeout(60):  # opening a pipe waits for somebody who writes to it
        assert await tag.tag(make_config(), given, tag.TagOptions(as_json=True)) == 3
    printed = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["clip"] for line in printed] == ["pipe.mp4", "zero", ".", "b.mp4", "a://c.mp4"]
    codes = [line.get("error", {}).get("code") for line in printed]
    assert codes == ["not_found", "not_found", "not_found", None, "unsupported_url"]
    assert printed[0]["error"]["message"] == "That's not a file. I can only read regular files."
