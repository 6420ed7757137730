from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import TensorProto

from bot.config import parse_card
from bot.domain.clip import ClipFile, ClipFormat, ClipInfo, ClipLimits
from bot.domain.model_card import ModelFolder
from bot.domain.progress import ignore_progress
from bot.errors import TaggerUnavailable
from bot.media.decode.source import SampledFrame
from bot.media.sandbox.pool import Sandbox
from bot.taggers.local.custom_model import CustomModel, load_custom_model
from bot.taggers.local.identity import REVISION, identify
from bot.taggers.local.kinds import Recognized
from bot.taggers.local.tagger import LocalTagger
from tests.conftest import CLIPS
from tests.taggers.local.custom_models import make_model

LIMITS = ClipLimits(by_url=7, as_bytes=9)
GUIDE = Path(__file__).parents[3] / "docs" / "local-tagger.md"


def read_folder(folder: Path) -> ModelFolder:
    return ModelFolder(folder, parse_card((folder / "model.json").read_text(), folder.name))


def load(folder: Path) -> CustomModel:
    return load_custom_model(read_folder(folder))


def reddish(side: int = 64) -> SampledFrame:
    picture = np.random.default_rng(3).integers(0, 60, (side, side, 3), np.uint8)
    picture[:, :, 0] += 190
    return SampledFrame(0, 0, (picture,))


def recognized(model: CustomModel) -> dict[str, float]:
    (seen,) = model.recognize([reddish()])
    return {concept.name: concept.score for concept in seen.concepts}


def test_scores_follow_the_card(tmp_path: Path) -> None:
    model = load(make_model(tmp_path))
    assert recognized(model) == pytest.approx({"red": 1.0}, abs=0.01)
    assert model.names == 3
    assert model.views[0].side == 37


@pytest.mark.parametrize(
    ("kind", "card", "expected"),
    [
        (TensorProto.FLOAT, {"scores": "sigmoid"}, {"red": 0.98, "green": 0.02, "blue": 0.02}),
        (TensorProto.FLOAT16, {"scores": "sigmoid"}, {"red": 0.98, "green": 0.02, "blue": 0.02}),
        (
            TensorProto.FLOAT,
            {"scores": "probabilities", "mean": [0, 0, 0], "std": [1, 1, 1]},
            {"red": 0.86, "green": 0.11, "blue": 0.11},
        ),
        (TensorProto.UINT8, {"scores": "softmax"}, {"red": 1.0}),
        (TensorProto.FLOAT, {"colours": "bgr"}, {"blue": 1.0}),
        (TensorProto.FLOAT, {"labels": ["", "green", "blue"]}, {}),
        (TensorProto.FLOAT, {"labels": ["warm", "warm", "cold"]}, {"warm": 1.0}),
    ],
)
def test_every_field_of_a_card_is_followed(
    kind: int, card: dict[str, Any], expected: dict[str, float], tmp_path: Path
) -> None:
    found = recognized(load(make_model(tmp_path, kind=kind, **card)))
    assert found == pytest.approx(expected, abs=0.015)


def test_channels_can_come_last(tmp_path: Path) -> None:
    found = recognized(load(make_model(tmp_path, channels_last=True, layout="nhwc")))
    assert found == pytest.approx({"red": 1.0}, abs=0.01)


def test_a_picture_of_a_single_colour_has_no_concepts(tmp_path: Path) -> None:
    flat = SampledFrame(0, 0, (np.full((64, 64, 3), 200, np.uint8),))
    assert load(make_model(tmp_path)).recognize([flat]) == [Recognized(())]


@pytest.mark.parametrize(
    ("made", "sentence"),
    [
        ({"outputs": 4}, "model.onnx returns 4 scores, but model.json has 3 labels"),
        (
            {"kind": TensorProto.DOUBLE},
            "model.onnx takes tensor(double), but must take one of tensor(float), ",
        ),
        ({"layout": "nhwc"}, "model.onnx: "),
    ],
)
def test_a_model_that_does_not_fit_its_card_is_refused(
    made: dict[str, Any], sentence: str, tmp_path: Path
) -> None:
    with pytest.raises(TaggerUnavailable) as caught:
        load(make_model(tmp_path, **made))
    assert caught.value.detail.startswith(sentence)


def test_a_file_that_is_not_a_model_is_refused(tmp_path: Path) -> None:
    (make_model(tmp_path) / "model.onnx").write_bytes(b"no model")
    with pytest.raises(TaggerUnavailable):
        load(tmp_path)


def opened_sandbox(tmp_path: Path, model: Path) -> Sandbox:
    return Sandbox(workers=1, folder=tmp_path / "sandbox", readable=[model])


async def test_the_local_tagger_uses_a_custom_model_in_the_sandbox(tmp_path: Path) -> None:
    """Uses the card from the documentation."""
    card = json.loads(re.findall(r"```json\n(.+?)```", GUIDE.read_text(), re.DOTALL)[0])
    folder = make_model(tmp_path / "colours", **card)
    clip = ClipFile(CLIPS / "montage.mp4", ClipInfo(ClipFormat.MP4, 1, 16_000, "sha256:0"))
    async with opened_sandbox(tmp_path, folder) as sandbox:
        tagger = LocalTagger(sandbox, LIMITS, read_folder(folder))
        assert await tagger.check() == "local:colours is ready and knows 3 tags"
        frames = (await tagger.tag(clip, ignore_progress)).frames
    assert tagger.identity.default_threshold == card["threshold"]
    assert frames[0].concepts[0].name == "red"  # a ginger cat
    assert frames[12].concepts == ()  # a blank slide


@pytest.mark.parametrize("change", [{"threshold": 0.7}, {"size": 0}])
async def test_a_model_that_changed_since_the_start_is_not_used(
    change: dict[str, Any], tmp_path: Path
) -> None:
    folder = make_model(tmp_path / "colours")
    async with opened_sandbox(tmp_path, folder) as sandbox:
        tagger = LocalTagger(sandbox, LIMITS, read_folder(folder))
        make_model(folder, **change)
        with pytest.raises(TaggerUnavailable) as caught:
            await tagger.check()
    assert caught.value.detail == f"{folder} has changed since Framehound started; restart it"


def test_changed_files_are_another_revision(tmp_path: Path) -> None:
    folder = make_model(tmp_path / "colours")
    first = identify(read_folder(folder))
    assert first == identify(read_folder(folder))
    make_model(folder, threshold=0.7)
    second = identify(read_folder(folder))
    make_model(folder, threshold=0.7, kind=TensorProto.FLOAT16)
    third = identify(read_folder(folder))
    assert len({first.revision, second.revision, third.revision}) == 3
    assert first.revision.startswith(f"{REVISION}-")
    assert str(first) == "local:colours"
