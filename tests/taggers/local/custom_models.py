"""Custom models for tests: a tiny classifier that returns how red, green and blue a picture is."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from bot.domain.model_card import ModelCard

if TYPE_CHECKING:
    from pathlib import Path

CARD = {
    "labels": ["red", "green", "blue"],
    "size": 32,
    "mean": [0.5, 0.5, 0.5],
    "std": [0.1, 0.1, 0.1],
    "scores": "softmax",
    "threshold": 0.6,
}

COLOURS = ModelCard(
    name="colours",
    labels=("red", "green", "blue"),
    size=32,
    mean=(0.5, 0.5, 0.5),
    std=(0.1, 0.1, 0.1),
    scores="softmax",
    threshold=0.6,
)
"""``CARD`` parsed, in a folder called colours."""


def make_model(
    folder: Path,
    *,
    kind: int = TensorProto.FLOAT,
    channels_last: bool = False,
    outputs: int = 3,
    **card: Any,
) -> Path:
    """Write ``model.onnx`` and ``model.json`` (``CARD`` with any fields changed) to a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "model.json").write_text(json.dumps({**CARD, **card}))
    shape: list[str | int | None] = ["n", 3, "h", "w"]
    if channels_last:
        shape = ["n", "h", "w", 3]
    nodes = [
        helper.make_node("Cast", ["picture"], ["numbers"], to=TensorProto.FLOAT),
        helper.make_node(
            "ReduceMean",
            ["numbers"],
            ["means"],
            axes=[1, 2] if channels_last else [2, 3],
            keepdims=0,
        ),
        helper.make_node("Gather", ["means", "order"], ["scores"], axis=1),
    ]
    graph = helper.make_graph(
        nodes,
        "colours",
        [helper.make_tensor_value_info("picture", kind, shape)],
        [helper.make_tensor_value_info("scores", TensorProto.FLOAT, [None, outputs])],
        [numpy_helper.from_array(np.arange(outputs) % 3, "order")],
    )
    opset = [helper.make_opsetid("", 17)]
    model = helper.make_model(graph, ir_version=8, opset_imports=opset)
    onnx.save(model, folder / "model.onnx")
    return folder
