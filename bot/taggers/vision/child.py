"""Finding the distinct scenes of a clip. Import this only in a sandboxed child."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bot.domain.clip import ClipFormat
from bot.media.decode import thumbnails
from bot.media.decode.sampling import sample
from bot.media.decode.scaling import View

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt

    from bot.media.decode.scaling import Picture

    Blocks = npt.NDArray[np.float32]

# Vision models look at 300 to 1,000 pixels; a picture of this size costs them a few hundred tokens.
_VIEW = View(512, whole=True)
_MIN_SIDE = 64  # pixels; models refuse narrower pictures, or those with extreme aspect ratios
_BLOCKS = 8  # pictures are compared by the mean colours of this many blocks in each direction
# How much one block may change, of 255, in a picture that counts as unchanged. Noise and
# compression change blocks by 1 to 5, a person who enters a corner of the picture by 20 and more.
_UNCHANGED = 12.0
_LESS_STRICT = 1.25


def scenes(request: dict[str, Any], report: Callable[[Any], None]) -> dict[str, Any]:
    """Return the pictures that differ, at most ``most`` of them, of the clip in ``files``.

    ``scenes`` has each picture as ``[JPEG, thumbnail]`` in base64, and ``seconds`` has
    ``[second, number of its scene]`` for every second that can be read. Reports the number of
    seconds read so far.
    """
    sampled = sample(
        Path(request["files"][0]),
        ClipFormat(request["format"]),
        seconds=request["seconds"],
        views=[_VIEW, thumbnails.VIEW],
    )
    found = SceneCollector(request["most"])
    for number, frame in enumerate(sampled, 1):
        found.add(frame.second, *frame.pictures)
        report(number)
    return {
        "scenes": [[_encode(scene.jpeg), _encode(scene.thumbnail)] for scene in found.scenes],
        "seconds": found.seconds,
    }


@dataclass(frozen=True, slots=True)
class Scene:
    """A picture that differs from those of all other scenes."""

    blocks: Blocks
    jpeg: bytes
    thumbnail: bytes


class SceneCollector:
    """Keeps at most ``most`` distinct pictures of a clip, and which of them each second shows.

    A picture is compared with those of all scenes, so a scene that comes back is the same scene.
    If there are too many scenes, the most similar ones are joined.
    """

    def __init__(self, most: int) -> None:
        self.scenes: list[Scene] = []
        self.seconds: list[tuple[int, int]] = []
        self._most = most
        self._tolerance = _UNCHANGED

    def add(self, second: int, picture: Picture, thumbnail: Picture) -> None:
        """Add the pictures of the next second."""
        blocks = _blocks(thumbnail)
        number = self._find(blocks)
        if number is None:
            number = len(self.scenes)
            shown = thumbnails.jpeg(_with_margins(picture))
            self.scenes.append(Scene(blocks, shown, thumbnails.jpeg(thumbnail)))
        self.seconds.append((second, number))
        while len(self.scenes) > self._most:
            self._join()

    def _find(self, blocks: Blocks) -> int | None:
        """Return the number of the most similar scene, if it is similar enough."""
        if not self.scenes:
            return None
        known = np.stack([scene.blocks for scene in self.scenes])
        differences = np.abs(known - blocks).mean(3).max((1, 2))
        nearest = int(differences.argmin())
        return nearest if differences[nearest] <= self._tolerance else None

    def _join(self) -> None:
        """Join scenes that are similar by a less strict measure."""
        self._tolerance *= _LESS_STRICT
        before, self.scenes = self.scenes, []
        numbers: list[int] = []
        for scene in before:
            number = self._find(scene.blocks)
            if number is None:
                number = len(self.scenes)
                self.scenes.append(scene)
            numbers.append(number)
        self.seconds = [(second, numbers[old]) for second, old in self.seconds]


def _with_margins(picture: Picture) -> Picture:
    """Return the picture with black margins if it is too narrow for some models."""
    missing = [max(0, _MIN_SIDE - side) for side in picture.shape[:2]]
    margins = [(each // 2, each - each // 2) for each in missing]
    return np.pad(picture, [*margins, (0, 0)]) if any(missing) else picture


def _blocks(picture: Picture) -> Blocks:
    """Return the mean colours of a picture's blocks."""
    return _means(_means(picture, axis=0), axis=1)


def _means(values: npt.NDArray[Any], axis: int) -> Blocks:
    """Return the means of equal parts of an axis; a short axis is stretched."""
    length = values.shape[axis]
    starts = np.arange(_BLOCKS) * length // _BLOCKS
    sizes = np.maximum(1, np.diff(starts, append=length))
    sums: Blocks = np.add.reduceat(values, starts, axis, dtype=np.float32)
    shape = [-1 if each == axis else 1 for each in range(sums.ndim)]
    means: Blocks = sums / sizes.reshape(shape).astype(np.float32)
    return means


def _encode(jpeg: bytes) -> str:
    return base64.b64encode(jpeg).decode()
