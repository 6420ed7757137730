"""Hashing a clip's sampled pictures (``domain/perceptual_hash``).

Import this only in a sandboxed child (it uses NumPy).
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from bot.domain.perceptual_hash import GRID, MAX_SECONDS, PerceptualHash, PictureHash

if TYPE_CHECKING:
    import numpy.typing as npt

    from bot.media.decode.scaling import Picture

    Numbers = npt.NDArray[np.float32]

_LUMA = np.array([0.299, 0.587, 0.114], np.float32)
# Differences of brightness (of 255) that survive being encoded again.
_MIN_STEP = 2.0
_MIN_CHANGE = 4.0
_STEP_UNIT = 0.25
# Rows and columns that are darker than this in every picture are bars around the clip.
_BLACK = 24.0
_MIN_PART = 0.3  # of a side that must be left between bars


class PictureHasher:
    """Collects a small picture of each second, and hashes them together at the end."""

    def __init__(self) -> None:
        self._pictures: dict[int, Picture] = {}

    def add(self, second: int, picture: Picture) -> None:
        """Take a second's picture, RGB; all have the same size."""
        if second < MAX_SECONDS:
            self._pictures[second] = np.asarray(picture @ _LUMA).astype(np.uint8)

    def hash(self, seconds: int) -> PerceptualHash:
        """Return the hash of a clip of this many seconds; it is empty if the clip is too long."""
        if not self._pictures or seconds > MAX_SECONDS:
            return PerceptualHash((PictureHash(),) * seconds)
        inside = _inside_bars(list(self._pictures.values()))
        blocks = {second: _blocks(each[inside]) for second, each in self._pictures.items()}
        average = np.asarray(np.mean(list(blocks.values()), axis=0), np.float32)
        steps = np.clip(np.round(_steps(average) / _STEP_UNIT), -127, 127).astype(int)
        return PerceptualHash(
            tuple(
                _hash(blocks[second], average) if second in blocks else PictureHash()
                for second in range(seconds)
            ),
            tuple(steps.tolist()),
        )


def _hash(blocks: Numbers, average: Numbers) -> PictureHash:
    steps = _steps(blocks)
    changes = (blocks - average).ravel()
    return PictureHash(
        _bits(steps > _MIN_STEP),
        _bits(steps < -_MIN_STEP),
        _bits(changes > _MIN_CHANGE),
        _bits(changes < -_MIN_CHANGE),
    )


def _steps(blocks: Numbers) -> Numbers:
    """Return how much the brightness rises from each block to the one beside and below it."""
    return np.concatenate([np.diff(blocks, axis=1).ravel(), np.diff(blocks, axis=0).ravel()])


def _bits(chosen: Any) -> int:
    return int.from_bytes(np.packbits(chosen).tobytes())


def _inside_bars(pictures: list[Picture]) -> tuple[slice, slice]:
    """Return the rows and columns without black bars, which copies may have added."""
    rows = np.max([np.percentile(each, 98, axis=1) for each in pictures], axis=0)
    columns = np.max([np.percentile(each, 98, axis=0) for each in pictures], axis=0)
    return _lit(rows), _lit(columns)


def _lit(brightness: Any) -> slice:
    lit = np.flatnonzero(brightness > _BLACK)
    if not lit.size or lit[-1] + 1 - lit[0] < len(brightness) * _MIN_PART:
        return slice(0, len(brightness))
    return slice(int(lit[0]), int(lit[-1]) + 1)


def _blocks(picture: Picture) -> Numbers:
    """Return the average brightness of each block."""
    height, width = picture.shape
    rows, columns = _averaging(height), _averaging(width)
    return np.asarray(rows @ picture @ columns.T, np.float32)


@lru_cache(maxsize=8)
def _averaging(length: int) -> Numbers:
    """Return the matrix that averages ``length`` pixels to ``GRID`` blocks of equal size."""
    edges = np.linspace(0, length, GRID + 1)
    pixels = np.arange(length)
    ends = np.minimum(pixels + 1, edges[1:, None])
    overlap = np.clip(ends - np.maximum(pixels, edges[:-1, None]), 0, None)
    return np.asarray(overlap / overlap.sum(axis=1, keepdims=True), np.float32)
