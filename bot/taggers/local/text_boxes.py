"""Finding the boxes of text lines in a detector's map of probabilities.

This is the post-processing of Differentiable Binarization (https://arxiv.org/abs/1911.08947) as
PaddleOCR does it, in NumPy: connected areas above a threshold, the smallest rectangle around each,
and a margin, because the detector marks only the core of a line.

Import this only in a sandboxed child (it uses NumPy).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    Map = NDArray[np.float32]
    Runs = NDArray[np.intp]

_PIXEL_THRESHOLD = 0.3  # the probability of a pixel inside a line
_BOX_THRESHOLD = 0.5  # the mean probability of a line
_MARGIN = 1.6  # of a line: its area times this, divided by its perimeter
_MIN_HEIGHT = 3.0  # pixels of a line's core
_MAX_TILT = 30  # degrees
_TILTS = np.deg2rad(np.arange(-_MAX_TILT, _MAX_TILT + 1, 1.5))
_UPRIGHT_BONUS = 0.97  # a rectangle this much larger is preferred if it is upright
# A picture of noise has tens of thousands of areas; one full of small print has a few hundred.
_MAX_RUNS = 20_000
MAX_BOXES = 60  # of one picture; the largest are kept


@dataclass(frozen=True, slots=True)
class TextBox:
    """A line of text: a rectangle tilted by ``tilt`` radians, and the detector's ``score``."""

    x: float
    y: float
    width: float
    height: float
    tilt: float
    score: float

    @property
    def corners(self) -> tuple[float, ...]:
        """The x and y of the top left, bottom left, bottom right and top right corner."""
        across = np.array([np.cos(self.tilt), np.sin(self.tilt)]) * self.width / 2
        down = np.array([-np.sin(self.tilt), np.cos(self.tilt)]) * self.height / 2
        middle = np.array([self.x, self.y])
        every = (-across - down, -across + down, across + down, across - down)
        return tuple(float(number) for corner in every for number in middle + corner)


def find_boxes(probabilities: Map) -> list[TextBox]:
    """Return the boxes of the lines, the largest first."""
    runs = _runs(probabilities > _PIXEL_THRESHOLD)
    if not 0 < len(runs) <= _MAX_RUNS:
        return []
    found = (_box(probabilities, area) for area in _areas(runs))
    boxes = [box for box in found if box is not None]
    return sorted(boxes, key=lambda box: -box.width * box.height)[:MAX_BOXES]


def _runs(mask: NDArray[np.bool_]) -> Runs:
    """Return the row, the first column and the column after the last of each run of marked pixels.

    They are in order of rows, then of columns.
    """
    padded = np.pad(mask, ((0, 0), (1, 1))).astype(np.int8)
    steps = np.diff(padded, axis=1)
    rows, starts = np.nonzero(steps == 1)
    ends = np.nonzero(steps == -1)[1]
    return np.stack([rows, starts, ends], axis=1)


def _areas(runs: Runs) -> Iterator[Runs]:
    """Yield the runs of each connected area."""
    labels = _labels(runs)
    order = np.argsort(labels, kind="stable")
    cuts = np.flatnonzero(np.diff(labels[order])) + 1
    yield from (runs[part] for part in np.split(order, cuts))


def _labels(runs: Runs) -> Runs:
    """Return the number of the first run of each run's area; areas touch at corners too."""
    above, below = _touching(runs)
    labels = np.arange(len(runs))
    while True:
        lower = labels.copy()
        np.minimum.at(lower, above, labels[below])
        np.minimum.at(lower, below, labels[above])
        lower = lower[lower]  # jump to the label's own label: long areas need few rounds
        if np.array_equal(lower, labels):
            return labels
        labels = lower


def _touching(runs: Runs) -> tuple[Runs, Runs]:
    """Return the pairs of runs that touch between one row and the next."""
    width = int(runs[:, 2].max()) + 2  # no run of a row touches one of the next in this line
    starts, ends = runs[:, 0] * width + runs[:, 1], runs[:, 0] * width + runs[:, 2]
    first = np.searchsorted(ends, starts + width, "left")
    last = np.searchsorted(starts, ends + width, "right")
    counts = np.maximum(last - first, 0)
    above = np.repeat(np.arange(len(runs)), counts)
    offsets = np.arange(len(above)) - np.repeat(np.cumsum(counts) - counts, counts)
    return above, np.repeat(first, counts) + offsets


def _box(probabilities: Map, area: Runs) -> TextBox | None:
    """Return the box around an area; None if it is too small, too tall or too faint."""
    core = _smallest_rectangle(area)
    if min(core.width, core.height) < _MIN_HEIGHT or core.height > core.width:
        return None
    score = _mean_inside(probabilities, core)
    if score < _BOX_THRESHOLD:
        return None
    margin = _MARGIN * core.width * core.height / (2 * (core.width + core.height))
    width, height = core.width + 2 * margin, core.height + 2 * margin
    return TextBox(core.x, core.y, width, height, core.tilt, score)


def _smallest_rectangle(area: Runs) -> TextBox:
    """Return the smallest of the rectangles around an area at each tilt."""
    rows = np.concatenate([area[:, 0], area[:, 0]])
    columns = np.concatenate([area[:, 1], area[:, 2] - 1])
    across = np.outer(np.cos(_TILTS), columns) + np.outer(np.sin(_TILTS), rows)
    down = np.outer(np.cos(_TILTS), rows) - np.outer(np.sin(_TILTS), columns)
    low, high = across.min(axis=1), across.max(axis=1)
    top, bottom = down.min(axis=1), down.max(axis=1)
    sizes = (high - low + 1) * (bottom - top + 1)
    sizes[len(_TILTS) // 2] *= _UPRIGHT_BONUS
    best = int(np.argmin(sizes))
    middle, level = (low[best] + high[best]) / 2, (top[best] + bottom[best]) / 2
    cosine, sine = np.cos(_TILTS[best]), np.sin(_TILTS[best])
    return TextBox(
        x=float(middle * cosine - level * sine),
        y=float(middle * sine + level * cosine),
        width=float(high[best] - low[best] + 1),
        height=float(bottom[best] - top[best] + 1),
        tilt=float(_TILTS[best]),
        score=0.0,
    )


def _mean_inside(probabilities: Map, box: TextBox) -> float:
    """Return the mean probability inside a box."""
    xs, ys = np.array(box.corners).reshape(4, 2).T
    left, right = int(max(0, xs.min())), int(xs.max()) + 1
    top, bottom = int(max(0, ys.min())), int(ys.max()) + 1
    part = probabilities[top:bottom, left:right]
    rows, columns = np.mgrid[top : top + part.shape[0], left : left + part.shape[1]]
    across = (columns - box.x) * np.cos(box.tilt) + (rows - box.y) * np.sin(box.tilt)
    down = (rows - box.y) * np.cos(box.tilt) - (columns - box.x) * np.sin(box.tilt)
    inside: Any = (np.abs(across) <= box.width / 2) & (np.abs(down) <= box.height / 2)
    return float(part[inside].mean()) if inside.any() else 0.0
