from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from scripts.quantization import RELU6_STEP, Distribution, Step, quantize

if TYPE_CHECKING:
    from numpy.typing import NDArray

SIXTEEN_BITS = 2**15
SHAPES = st.sampled_from([(4, 6, 1, 1), (4, 3, 3, 3), (4, 1, 5, 5)])
NUMBERS = st.floats(-4, 4, width=32)
KERNELS = SHAPES.flatmap(lambda shape: arrays.arrays(np.float64, shape, elements=NUMBERS))
BIASES = arrays.arrays(np.float64, (4,), elements=st.floats(-50, 50, width=32))


@given(KERNELS, BIASES)
def test_rounding_moves_a_weight_by_half_a_step_at_most(
    weights: NDArray[np.float64], bias: NDArray[np.float64]
) -> None:
    kernel = quantize(weights, bias, RELU6_STEP)
    scales = kernel.scales.astype(np.float64)
    back = kernel.weights * scales[:, None, None, None]
    assert (np.abs(back - weights) <= 0.501 * scales[:, None, None, None] + 1e-9).all()
    steps = RELU6_STEP.scale * scales
    assert kernel.bias * steps == pytest.approx(bias, rel=1e-6, abs=float(steps.max()))


@given(KERNELS, BIASES)
def test_two_products_always_fit_into_16_bits(
    weights: NDArray[np.float64], bias: NDArray[np.float64]
) -> None:
    kernel = quantize(weights, bias, RELU6_STEP).weights.astype(int)
    if kernel.shape[1] == 1:
        return  # depthwise: products are added one by one
    if kernel.shape[2:] == (1, 1):
        pairs = kernel.reshape(len(kernel), -1, 2)
    else:  # any two may be added first
        flat = np.sort(kernel.reshape(len(kernel), -1), axis=1)
        pairs = np.stack([flat[:, :2], flat[:, -2:]], axis=1)
    for signed in (np.maximum(pairs, 0), np.maximum(-pairs, 0)):
        assert 255 * signed.sum(axis=2).max() < SIXTEEN_BITS


def test_the_largest_weights_use_all_bits() -> None:
    weights = np.zeros((3, 4, 1, 1))
    weights[:, :, 0, 0] = np.array([[1, -1, 0, 0], [1, 1, 0, 0], [0.5, 0, -1, 0]])
    kernel = quantize(weights, np.zeros(3), RELU6_STEP)
    assert kernel.weights[:, :, 0, 0].tolist() == [
        [127, -127, 0, 0],
        [64, 64, 0, 0],
        [64, 0, -127, 0],
    ]


def test_a_channel_without_weights_keeps_its_bias() -> None:
    kernel = quantize(np.zeros((2, 2, 1, 1)), np.array([5.0, 0.0]), Step(0.5, 128))
    assert kernel.bias * 0.5 * kernel.scales.astype(float) == pytest.approx([5.0, 0.0])
    assert not kernel.weights.any()


def test_quantized_activations_cover_the_distribution() -> None:
    step = Distribution(np.array([0.0, -3.0]), np.array([1.0, 4.0])).step()
    assert step.zero == 128
    assert step.scale * (0 - step.zero) == pytest.approx(-15.0, rel=0.01)
    assert step.scale * (255 - step.zero) == pytest.approx(3 + 6 * 2)


def test_a_sum_has_a_wider_distribution() -> None:
    total = Distribution(np.array([1.0]), np.array([9.0])) + Distribution(
        np.array([2.0]), np.array([16.0])
    )
    assert total.step().scale == pytest.approx((3 + 6 * 5) / 127)
