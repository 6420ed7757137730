"""A cheap look at whether a picture may have text, before the detector takes its time.

Text is made of strokes: side by side, brightness rises and falls steeply within a few pixels. So
the picture is divided into small cells, and those are counted that have several steep rises and
falls. A line of text fills several cells in a row; in most photographs no row has as many.

Import this only in a sandboxed child (it uses NumPy and Pillow).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from bot.media.decode.scaling import Picture

_STEEP = 70  # levels of brightness within two pixels
_CELL_HEIGHT, _CELL_WIDTH = 8, 16
_MIN_EDGES = 8  # rises, and as many falls, in a cell with text
_MIN_CELLS = 4  # in a row


def stroke_cells(picture: Picture) -> int:
    """Return how many cells with strokes are in rows; in a picture without text, none are.

    The picture is grey, with a longer side of 640 pixels.
    """
    grey = Image.fromarray(picture)
    # Strokes of large letters are as wide as a cell: they are found in a smaller picture.
    return _stroke_cells(grey) + _stroke_cells(grey.reduce(2))


def _stroke_cells(grey: Image.Image) -> int:
    brightness = np.asarray(grey).astype(np.int16)
    steps = brightness[:, 2:] - brightness[:, :-2]
    edges = np.minimum(_counted(steps > _STEEP), _counted(steps < -_STEEP))
    return _cells_in_rows(edges >= _MIN_EDGES)


def _counted(marked: NDArray[np.bool_]) -> NDArray[np.intp]:
    """Return how many pixels of each cell are marked."""
    rows, columns = marked.shape[0] // _CELL_HEIGHT, marked.shape[1] // _CELL_WIDTH
    whole = marked[: rows * _CELL_HEIGHT, : columns * _CELL_WIDTH]
    cells = whole.reshape(rows, _CELL_HEIGHT, columns, _CELL_WIDTH)
    return np.asarray(cells.sum(axis=(1, 3)))


def _cells_in_rows(cells: NDArray[np.bool_]) -> int:
    """Return how many marked cells are in rows of at least ``_MIN_CELLS``."""
    total, row = 0, np.zeros(len(cells), np.intp)
    for column in cells.T:
        row = (row + 1) * column
        total += int((row >= _MIN_CELLS).sum()) + (_MIN_CELLS - 1) * int((row == _MIN_CELLS).sum())
    return total
