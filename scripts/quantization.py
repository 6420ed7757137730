"""A convolution's numbers in eight bits, without a single picture to try them on.

What flows from layer to layer is bytes, each worth ``scale`` times what it is above ``zero``.
After a ReLU6 they reach from 0 to 6. After a layer without one, batch normalisation has made each
channel's numbers lie around its shift with its scale as their deviation, which tells how far they
reach: Nagel et al., Data-Free Quantization Through Weight Equalization and Bias Correction, section
5.1, https://arxiv.org/abs/1906.04721. Weights are whole numbers around 0, each channel by a scale
of its own.

Imports NumPy: for code that runs in a child process alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Numbers = NDArray[np.floating]

HIGHEST = 6.0  # ReLU6
BYTES = 255
_DEVIATIONS = 6  # the paper's n
_SMALLEST, _LARGEST = 1e-12, 2**30
# Processors without VNNI add two products of a byte and a weight in sixteen bits: 255 · 128 still
# fits in there. Two neighbours' weights may add up to this, each rounded by up to a half.
_NEIGHBOURS = 127.0


@dataclass(frozen=True, slots=True)
class Step:
    """What bytes are worth: ``scale`` for each step above or below ``zero``."""

    scale: float
    zero: int


@dataclass(frozen=True, slots=True)
class Spread:
    """Where the numbers of each channel lie: around ``shift``, by their ``variance``."""

    shift: Numbers
    variance: Numbers

    def __add__(self, other: Spread) -> Spread:
        """Return the spread of the sum."""
        return Spread(self.shift + other.shift, self.variance + other.variance)

    def step(self) -> Step:
        """Return what bytes are worth that hold nearly all of these numbers."""
        reach = np.abs(self.shift) + _DEVIATIONS * np.sqrt(self.variance)
        middle = (BYTES + 1) // 2
        return Step(float(reach.max()) / (middle - 1), middle)


CLIPPED = Step(HIGHEST / BYTES, 0)
"""What bytes are worth after a ReLU6, which they then need no more: they hold nothing beyond."""


@dataclass(frozen=True, slots=True)
class Kernel:
    """A convolution's weights, int8 as ``weights`` times ``scales``, and its ``bias``, int32."""

    weights: NDArray[np.int8]
    scales: NDArray[np.float32]
    bias: NDArray[np.int32]


def quantize(weights: Numbers, bias: Numbers, taken: Step) -> Kernel:
    """Round weights (out, in, height, width) for bytes worth ``taken``."""
    scales = np.maximum(_reach(weights) / _NEIGHBOURS, np.abs(bias) / (taken.scale * _LARGEST))
    scales = np.maximum(scales, _SMALLEST)
    whole = np.rint(weights / scales[:, None, None, None])
    return Kernel(
        whole.astype(np.int8),
        scales.astype(np.float32),
        np.rint(bias / (taken.scale * scales)).astype(np.int32),
    )


def _reach(weights: Numbers) -> Numbers:
    """Return the largest weight of each channel, or sum of two that are added up first."""
    flat = weights.reshape(len(weights), -1)
    largest: Numbers = np.abs(flat).max(axis=1)
    if weights.shape[1] == 1:  # a channel by itself is added up one by one
        return largest
    if weights.shape[2:] == (1, 1):
        pairs = flat.reshape(len(flat), -1, 2)
    else:  # in an order that we don't know
        ordered = np.sort(flat, axis=1)
        pairs = np.stack([ordered[:, :2], ordered[:, -2:]], axis=1)
    above = np.maximum(pairs, 0).sum(axis=2).max(axis=1)
    below = np.maximum(-pairs, 0).sum(axis=2).max(axis=1)
    reach: Numbers = np.maximum.reduce([largest, above, below])
    return reach
