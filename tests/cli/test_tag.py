from __future__ import annotations

import asyncio
import json
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
