"""The vision tagger against servers that support different parts of the API."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bot.domain.concepts import Concept
from bot.domain.progress import Progress, Stage, ignore_progress
from bot.media.sandbox.pool import Sandbox
from tests.stand_ins.vision import CLARIFAI, LM_STUDIO, OLLAMA, VLLM
from tests.taggers.vision.setup import talking, write_clip

if TYPE_CHECKING:
    from pathlib import Path

    from bot.domain.tagging import Observations


def numbers(seen: Observations) -> list[tuple[Concept, ...]]:
    assert [frame.second for frame in seen.frames] == list(range(len(seen.frames)))
    return [frame.concepts for frame in seen.frames]


def expected(seconds: int) -> list[tuple[Concept, ...]]:
    return [(Concept(f"number {each}", 0.9), Concept("bars", 0.6)) for each in range(seconds)]


# For each server: the forms of answer and the numbers of pictures of the calls for two clips.
SERVERS = {
    "ollama": (OLLAMA, [("json_schema", 4), ("json_schema", 1), ("json_schema", 2)]),
    "vllm": (VLLM, [("json_schema", each) for each in (4, 4, 2, 1, 1, 1, 1, 1, 1, 1)]),
    "lm_studio": (LM_STUDIO, [("json_schema", 4), ("json_schema", 1), ("json_schema", 2)]),
    "clarifai": (
        CLARIFAI,
        [("json_schema", 4), ("json_object", 4), ("text", 4), ("text", 1), ("text", 2)],
    ),
}


@pytest.mark.parametrize("name", SERVERS)
async def test_each_second_is_tagged_and_what_a_server_refuses_is_not_sent_again(
    name: str, tmp_path: Path
) -> None:
    server, calls = SERVERS[name]
    steps: list[Progress] = []
    async with (
        Sandbox(workers=1, folder=tmp_path / "sandbox") as sandbox,
        talking(server, sandbox=sandbox) as (vision, tagger),
    ):
        first = await tagger.tag(write_clip(tmp_path, 5), steps.append)
        second = await tagger.tag(write_clip(tmp_path, 2), ignore_progress)
    assert (numbers(first), numbers(second)) == (expected(5), expected(2))
    assert [(call.answers, len(call.pictures)) for call in vision.calls] == calls
    assert first.description == "Bars show numbers."
    assert (first.billed, second.billed) == (5, 2)
    assert vision.billed_pictures == 7
    assert steps[0] == Progress(Stage.TAG, 0, 5)
    assert steps[-1] == Progress(Stage.TAG, 5, 5)
