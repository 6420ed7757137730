"""Statistics of a picture's pixels. Import this only in a sandboxed child (it uses NumPy)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from bot.media.decode.scaling import Picture

# A frame of (nearly) a single colour, such as a fade or a blank slide, shows nothing to name.
_MAX_FLAT_DEVIATION = 6.0
# Photographs have soft gradients everywhere; drawn pictures (titles, charts) have areas of a single
# colour with hard edges: few neighbouring pixels differ by more than _SOFT and less than _HARD.
_SOFT, _HARD = 3, 20
_MIN_SOFT_STEPS = 0.05


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
