"""What the 2019 tutorial "Automatic Video Annotation with Clarifai" prints is what we print.

The tutorial calls the model with a key from ``CLARIFAI_KEY``, reads ``outputs[0].data.frames``, and
prints every concept that scored above .94, grouped by second, the best first.
"""

from __future__ import annotations

import asyncio
import base64
import json
import urllib.request
from typing import TYPE_CHECKING

import pytest

from bot.cli import tag
from bot.config import Config
from bot.domain.clip import ClipFormat
from tests.media.numbered_clips import numbered_clip
from tests.stand_ins import clarifai_replies as replies
from tests.stand_ins.clarifai import LoopbackClarifai
from tests.stand_ins.clarifai_judge import TOKEN
from tests.stand_ins.clarifai_replies import FrameTime

if TYPE_CHECKING:
    from pathlib import Path

    from tests.stand_ins.clarifai_replies import Reply

SECONDS = 9
BEER = "video_beer_2017.json"
SEEN = {
    0: {"cat": 0.99, "animal": 0.995, "dog": 0.94},
    1: {"cat": 0.5},
    4: {"piano": 0.941, "cat": 0.97},
    8: {"night": 0.999},
}
ANSWERS = [replies.recorded(BEER), *(replies.frames(SEEN, style) for style in FrameTime)]


def tutorial(url: str, key: str, clip: bytes) -> list[str]:
    """Return the lines of the tutorial for a clip."""
    video = {"base64": base64.b64encode(clip).decode()}
    config = {"sample_ms": 1000, "max_concepts": 50}
    body = {
        "inputs": [{"data": {"video": video}}],
        "model": {"output_info": {"output_config": config}},
    }
    path = "/v2/users/clarifai/apps/main/models/general-image-recognition/outputs"
    request = urllib.request.Request(  # noqa: S310 - the stand-in's
        url + path,
        json.dumps(body).encode(),
        {"Authorization": f"Key {key}", "Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request) as answer:  # noqa: S310 - see above
        frames = json.load(answer)["outputs"][0]["data"]["frames"]
    lines = []
    for frame in frames:
        second = int(frame["frame_info"].get("time", 0)) // 1000
        concepts = [each for each in frame["data"].get("concepts", []) if each["value"] > 0.94]
        ranked = sorted(concepts, key=lambda each: -each["value"])
        if ranked:
            tags = ", ".join(f"{each['name']} {each['value']:.4f}" for each in ranked)
            lines.append(f"{second}: {tags}")
    return lines


def ours(printed: str) -> list[str]:
    """Return our JSON in the tutorial's form."""
    return [
        f"{each['second']}: "
        + ", ".join(f"{found['name']} {found['score']:.4f}" for found in each["tags"])
        for each in json.loads(printed)["seconds"]
        if each["tags"]
    ]


@pytest.mark.parametrize("answer", ANSWERS)
async def test_the_tutorial_and_framehound_print_the_same(
    answer: Reply,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clip = numbered_clip(tmp_path / "clip.mp4", ClipFormat.MP4, SECONDS)
    monkeypatch.setenv("CLARIFAI_KEY", TOKEN)
    async with LoopbackClarifai() as clarifai:
        clarifai.serve(answer)
        config = Config.model_validate(
            {"_env_file": None, "data_dir": tmp_path / "data", "clarifai_api_url": clarifai.url}
        )
        assert await tag.tag(config, [str(clip)], tag.TagOptions(as_json=True)) == 0
        expected = await asyncio.to_thread(tutorial, clarifai.url, TOKEN, clip.read_bytes())
    assert expected
    assert ours(capsys.readouterr().out) == expected
