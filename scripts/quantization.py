"""Quantizing convolutions to eight bits without calibration data.

Activations are uint8 with a scale and a zero point. After a ReLU6 they range from 0 to 6. Without
an activation function, batch normalization has given each channel its shift as mean and its scale
as standard deviation, which bounds the range: Nagel et al., Data-Free Quantization Through Weight
Equalization and Bias Correction, section 5.1, https://arxiv.org/abs/1906.04721. Weights are int8,
symmetric, with a scale for each output channel.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Numbers = NDArray[np.floating]

_RELU6_MAX = 6.0
_UINT8_MAX = 255
_DEVIATIONS = 6  # n in the paper
_MIN_SCALE, _MAX_BIAS = 1e-12, 2**30
# Processors without VNNI add two products of an activation and a weight in 16 bits, which holds
# 255 * 128. So two weights that are added first may sum up to this, each rounded by up to a half.
_MAX_PAIR = 127.0


@dataclass(frozen=True, slots=True)
class Step:
    """The scale and the zero point of quantized activations."""

    scale: float
    zero: int


@dataclass(frozen=True, slots=True)
class Distribution:
    """The mean (``shift``) and ``variance`` of each channel's activations."""

    shift: Numbers
    variance: Numbers

    def __add__(self, other: Distribution) -> Distribution:
        """Return the distribution of the sum."""
        return Distribution(self.shift + other.shift, self.variance + other.variance)

    def step(self) -> Step:
        """Return the step with which bytes cover nearly all of these activations."""
        reach = np.abs(self.shift) + _DEVIATIONS * np.sqrt(self.variance)
        middle = (_UINT8_MAX + 1) // 2
        return Step(float(reach.max()) / (middle - 1), middle)


RELU6_STEP = Step(_RELU6_MAX / _UINT8_MAX, 0)
"""The step after a ReLU6. It saturates at 0 and 6, so no separate ReLU6 is needed."""


@dataclass(frozen=True, slots=True)
class Kernel:
    """A quantized convolution: int8 ``weights`` times ``scales``, and its int32 ``bias``."""

    weights: NDArray[np.int8]
    scales: NDArray[np.float32]
    bias: NDArray[np.int32]


def quantize(weights: Numbers, bias: Numbers, inputs: Step) -> Kernel:
    """Quantize weights of shape (out, in, height, width) for inputs with the given step."""
    scales = np.maximum(_reach(weights) / _MAX_PAIR, np.abs(bias) / (inputs.scale * _MAX_BIAS))
    scales = np.maximum(scales, _MIN_SCALE)
    rounded = np.rint(weights / scales[:, None, None, None])
    return Kernel(
        rounded.astype(np.int8),
        scales.astype(np.float32),
        np.rint(bias / (inputs.scale * scales)).astype(np.int32),
    )


def _reach(weights: Numbers) -> Numbers:
    """Return each channel's largest weight, or the largest sum of two that are added first."""
    flat = weights.reshape(len(weights), -1)
    largest: Numbers = np.abs(flat).max(axis=1)
    if weights.shape[1] == 1:  # products in a depthwise convolution are added one by one
        return largest
    if weights.shape[2:] == (1, 1):
        pairs = flat.reshape(len(flat), -1, 2)
    else:  # the order of additions is unknown: assume the worst
        ordered = np.sort(flat, axis=1)
        pairs = np.stack([ordered[:, :2], ordered[:, -2:]], axis=1)
    above = np.maximum(pairs, 0).sum(axis=2).max(axis=1)
    below = np.maximum(-pairs, 0).sum(axis=2).max(axis=1)
    reach: Numbers = np.maximum.reduce([largest, above, below])
    return reach
