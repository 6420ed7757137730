"""The commands with a vision endpoint."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from bot.cli import check, tag
from bot.config import Config, load
from bot.domain.clip import ClipFormat
from tests.media.numbered_clips import numbered_clip
from tests.stand_ins.vision import MODEL, LoopbackVision, error

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import pytest


async def test_a_clip_is_printed_with_its_description_and_failures_with_advice(
    make_config: Callable[..., Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    clip = str(numbered_clip(tmp_path / "a.mp4", ClipFormat.MP4, 2))
    async with LoopbackVision() as vision:
        config = make_config(tagger="vision", vision_url=vision.url, vision_model=MODEL)
        assert await tag.tag(config, [clip], tag.TagOptions(as_json=True)) == 0
        printed = json.loads(capsys.readouterr().out)
        assert (printed["tagger"], printed["description"]) == (
            f"vision:{MODEL}",
            "Bars show numbers.",
        )
        vision.script(error("x does not support image input"))
        other = str(numbered_clip(tmp_path / "b.mp4", ClipFormat.MP4, 3))
        assert await tag.tag(config, [other], tag.TagOptions()) == 4
        assert "the model can't see pictures: choose another" in capsys.readouterr().err
    assert vision.violations == []


async def test_check_has_a_picture_described(
    data_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with LoopbackVision() as vision:
        settings = {"tagger": "vision", "vision_url": vision.url, "vision_model": MODEL}
        config = load(Config, env_file=None, data_dir=data_dir, **settings)
        await check.check(config)
        host = vision.url.removeprefix("http://").removesuffix("/v1")
        assert f"vision: {MODEL} on {host} described a picture" in capsys.readouterr().out
        vision.script(error("invalid key", 401))
        await check.check(config)
        assert "(HTTP 401: invalid key; api_error (check VISION_KEY))" in capsys.readouterr().out
