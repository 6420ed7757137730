"""Statistics of a picture's pixels. Import this only in a sandboxed child (it uses NumPy)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from bot.media.decode.scaling import Picture

# A frame of (nearly) a single colour, such as a fade or a blank slide, shows nothing to name.
_MAX_FLAT_DEVIATION = 6.0
# Photographs have soft gradients everywhere; drawn pictures (titles, charts) have areas of a single
# colour with hard edges: few neighbouring pixels differ by more than _SOFT and less than _HARD.
_SOFT, _HARD = 3, 20
_MIN_SOFT_STEPS = 0.05
# Of ``picture_statistics``; they are what the weights in data/kinds.npz were trained with.
_MAX_EMPTY_DEVIATION, _SATURATED = 4, 0.7
_NEARLY_WHITE, _NEARLY_BLACK = 235, 20
_WHITE, _BLACK = 220, 45


def is_flat(picture: Picture) -> bool:
    """Return whether a picture is of (nearly) a single colour."""
    return float(picture.std()) < _MAX_FLAT_DEVIATION


def is_drawn(picture: Picture) -> bool:
    """Return whether a picture was drawn or rendered, not photographed."""
    green = picture[::2, :, 1].astype(np.int16)
    steps = np.abs(np.diff(green, axis=1))
    return float(np.mean((steps > _SOFT) & (steps < _HARD))) < _MIN_SOFT_STEPS


def center_crop(picture: Picture, side: int) -> Picture:
    """Return the center of a picture, of shape (side, side, 3)."""
    top, left = ((length - side) // 2 for length in picture.shape[:2])
    return picture[top : top + side, left : left + side]


def picture_statistics(picture: Picture) -> list[float]:
    """Return shares of pixels by which drawn, rendered and filmed pictures differ.

    These are how steep the steps between neighbours are, how many colours there are, how saturated
    and bright they are, how many rows and columns are empty, and how much there is of white beside
    black in the upper, middle and lower third, as in captions.
    """
    red, green, blue = (np.ascontiguousarray(picture[..., channel]) for channel in range(3))
    most, least = (either(either(red, green), blue) for either in (np.maximum, np.minimum))
    return [
        *_steepness(np.maximum(green[1:], green[:-1]) - np.minimum(green[1:], green[:-1])),
        *_steepness(
            np.maximum(green[:, 1:], green[:, :-1]) - np.minimum(green[:, 1:], green[:, :-1])
        ),
        *_colours(red, green, blue),
        *_saturation(most.astype(np.float32), least.astype(np.float32)),
        *_emptiness(green.astype(np.float32)),
        *_captions(least > _WHITE, most < _BLACK),
    ]


def _share(marked: NDArray[np.bool_]) -> float:
    return np.count_nonzero(marked) / max(1, marked.size)


def _steepness(steps: Picture) -> list[float]:
    below = [_share(steps < limit) for limit in (2, 4, 20, 60)]
    return [below[0], below[2] - below[1], 1 - below[2], 1 - below[3]]


def _colours(red: Picture, green: Picture, blue: Picture) -> list[float]:
    """Return how many colours there are, and the shares of the 1, 8 and 32 most frequent ones."""
    high, middle, low = ((plane >> 3).astype(np.uint16) for plane in (red, green, blue))
    counts = np.bincount((high << 10 | middle << 5 | low).ravel())
    shares = np.sort(counts[counts > 0])[::-1] / red.size
    return [float(np.log(len(shares))), *(float(shares[:most].sum()) for most in (1, 8, 32))]


def _saturation(most: NDArray[np.float32], least: NDArray[np.float32]) -> list[float]:
    saturation = (most - least) / np.maximum(most, 1)
    return [
        float(saturation.mean()),
        float(saturation.std()),
        _share(saturation > _SATURATED),
        float(most.mean()) / 255,
        float(most.std()) / 255,
        _share(least > _NEARLY_WHITE),
        _share(most < _NEARLY_BLACK),
    ]


def _emptiness(green: NDArray[np.float32]) -> list[float]:
    """Return the shares of rows and columns of (nearly) a single brightness."""
    return [_share(green.std(axis=axis) < _MAX_EMPTY_DEVIATION) for axis in (1, 0)]


def _captions(white: NDArray[np.bool_], black: NDArray[np.bool_]) -> list[float]:
    """Return the shares of places where white and black are three pixels apart, by third."""
    beside = (white[:, 3:] & black[:, :-3]) | (black[:, 3:] & white[:, :-3])
    height = len(beside)
    return [_share(third) for third in np.split(beside, [height // 3, 2 * height // 3])]
