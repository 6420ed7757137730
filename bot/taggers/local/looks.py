"""Which frames of a clip are looked at: one that looks like the last one is not looked at again.

On a slide or a screen nothing changes for seconds. Such a frame takes over what was observed in the
last one that was looked at. Frames are compared in a grid of 16 x 16 mean grey values.

Import this only in a sandboxed child (it uses NumPy and Pillow).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from bot.media.decode.scaling import Picture
    from bot.media.decode.source import SampledFrame

    Grid = NDArray[np.int16]

_GRID = 16, 16
# A small subtitle on a dark picture changes the cells it is in by 10 levels and more, a clock's
# digit by 1 or 2, and the noise of video codecs by less than 1.
_MAX_DIFFERENCE = 2
_MAX_SECONDS = 30  # of one look, so that progress is reported


@dataclass(frozen=True, slots=True)
class Moment:
    """A second, and when its picture appears in milliseconds from the clip's start."""

    second: int
    time: int


@dataclass(frozen=True, slots=True)
class Look:
    """A frame to look at, and the moments that look like it; its own is the first."""

    frame: SampledFrame
    moments: tuple[Moment, ...]


def distinct_looks(frames: Iterator[SampledFrame]) -> Iterator[Look]:
    """Yield the frames that differ from the one before, comparing the last of their pictures."""
    first: SampledFrame | None = None
    grid = np.zeros(_GRID, np.int16)
    moments: list[Moment] = []
    for frame in frames:
        own = grey_grid(frame.pictures[-1])
        if first and len(moments) < _MAX_SECONDS and _are_alike(grid, own):
            moments.append(Moment(frame.second, frame.time))
            continue
        if first:
            yield Look(first, tuple(moments))
        first, grid, moments = frame, own, [Moment(frame.second, frame.time)]
    if first:
        yield Look(first, tuple(moments))


def grey_grid(picture: Picture) -> Grid:
    """Return the mean grey values of a picture in a grid."""
    small = Image.fromarray(picture).convert("L").resize(_GRID, Image.Resampling.BOX)
    return np.asarray(small).astype(np.int16)


def _are_alike(one: Grid, other: Grid) -> bool:
    return int(np.abs(one - other).max()) <= _MAX_DIFFERENCE
