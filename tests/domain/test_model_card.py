from __future__ import annotations

import json
from pathlib import Path

from bot.domain.model_card import ModelCard, ModelFolder

CARD = ModelCard(
    name="colours",
    labels=("red", "green", "blue"),
    size=32,
    mean=(0.5, 0.5, 0.5),
    std=(0.1, 0.1, 0.1),
    scores="softmax",
    threshold=0.6,
)


def test_a_picture_is_scaled_so_that_the_crop_has_the_models_size() -> None:
    assert CARD.scaled_side == 37


def test_a_folder_is_restored_from_json() -> None:
    folder = ModelFolder(Path("/models/colours"), CARD)
    assert ModelFolder.from_dict(json.loads(json.dumps(folder.as_dict()))) == folder
    assert folder.model == Path("/models/colours/model.onnx")
