"""A model of the operator's own, as small as one can be: what colour is a picture?"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

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


def make_model(
    folder: Path,
    *,
    kind: int = TensorProto.FLOAT,
    channels_last: bool = False,
    gives: int = 3,
    **card: Any,
) -> Path:
    """Write a folder whose classifier gives how red, green and blue a picture is."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "model.json").write_text(json.dumps({**CARD, **card}))
    taken: list[str | int | None] = ["n", 3, "h", "w"]
    if channels_last:
        taken = ["n", "h", "w", 3]
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
        [helper.make_tensor_value_info("picture", kind, taken)],
        [helper.make_tensor_value_info("scores", TensorProto.FLOAT, [None, gives])],
        [numpy_helper.from_array(np.arange(gives) % 3, "order")],
    )
    opset = [helper.make_opsetid("", 17)]
    model = helper.make_model(graph, ir_version=8, opset_imports=opset)
    onnx.save(model, folder / "model.onnx")
    return folder
