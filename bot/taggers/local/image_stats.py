"""How a picture looks, whatever it shows. For code in a sandboxed child alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from bot.media.decode.scaling import Picture

# A frame of one colour, or nearly (a fade, a blank slide), shows nothing to name.
FLATTEST = 6.0
# A lens leaves soft shades everywhere; what was drawn (a title, a chart, a gradient) has areas of
# one colour with hard edges. Few of its neighbouring pixels differ by more and by less than this.
SOFTEST, HARDEST = 3, 20
MIN_SHADES = 0.05


def is_flat(picture: Picture) -> bool:
    """Tell a picture of one colour."""
    return float(picture.std()) < FLATTEST


def is_drawn(picture: Picture) -> bool:
    """Tell a drawn picture from a photograph, by the shades that a lens leaves."""
    green = picture[::2, :, 1].astype(np.int16)
    steps = np.abs(np.diff(green, axis=1))
    return float(np.mean((steps > SOFTEST) & (steps < HARDEST))) < MIN_SHADES


def middle(picture: Picture, side: int) -> Picture:
    """Cut out the middle of a picture, (side, side, 3)."""
    top, left = ((length - side) // 2 for length in picture.shape[:2])
    return picture[top : top + side, left : left + side]
