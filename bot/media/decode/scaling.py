"""Decoded frames made into the pictures asked for. For code in a sandboxed child alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from av.video.reformatter import Interpolation, VideoReformatter

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt
    from av.video.frame import VideoFrame

    Picture = npt.NDArray[np.uint8]

# A strip longer than this is squeezed: whole, it would cost memory, and a model sees its middle.
_MAX_ASPECT_RATIO = 4


@dataclass(frozen=True, slots=True)
class View:
    """A size to have pictures in, ``side`` in pixels.

    That is the shorter side, for those who look at the middle; of a ``whole`` view, the longer one,
    for those who look at everything.
    """

    side: int
    whole: bool = False

    def size(self, width: float, height: float) -> tuple[int, int]:
        """Return width and height for a picture that is shown so many pixels wide and high."""
        factor = self.side / (max(width, height) if self.whole else min(width, height))
        least, most = (1, self.side) if self.whole else (self.side, self.side * _MAX_ASPECT_RATIO)
        return _between(least, width * factor, most), _between(least, height * factor, most)


class FrameScaler:
    """Makes pictures of a clip's decoded frames, one for each of its views.

    Those of one view are of one size, by how many pixels ``width`` and ``height`` the clip says it
    is shown: should a frame be of another shape, it is squeezed.
    """

    def __init__(self, views: Sequence[View], width: float, height: float) -> None:
        self._scalers = [_Scaler(*view.size(width, height)) for view in views]
        self._painted: tuple[VideoFrame, tuple[Picture, ...]] | None = None

    def paint(self, frame: VideoFrame) -> tuple[Picture, ...]:
        """Scale with libswscale straight to each size, then turn the picture upright.

        A frame that stays on screen for seconds is painted once.
        """
        if self._painted is None or self._painted[0] is not frame:
            self._painted = frame, tuple(scaler.picture(frame) for scaler in self._scalers)
        return self._painted[1]


class _Scaler:
    """Scales frames to RGB of one size; keeps libswscale's tables for the frames to come.

    Most frames are YUV. They are scaled first and turned into RGB when they are small: libswscale
    takes six times as long to do both at once.
    """

    def __init__(self, width: int, height: int) -> None:
        self._size = width, height
        self._scaling = VideoReformatter()
        self._colouring = VideoReformatter()

    def picture(self, frame: VideoFrame) -> Picture:
        rotation, kind = frame.rotation, frame.format.name
        if kind.startswith("yuv"):
            small = "yuvj420p" if kind.startswith("yuvj") else "yuv420p"
            frame = self._reformatted(self._scaling, frame, small)
        picture: Any = self._reformatted(self._colouring, frame, "rgb24").to_ndarray()
        return np.rot90(picture, k=rotation // 90) if rotation else picture

    def _reformatted(self, scaler: VideoReformatter, frame: VideoFrame, kind: str) -> VideoFrame:
        """Scale by averaging the area a pixel covers; upwards, linearly."""
        return scaler.reformat(
            frame, *self._size, kind, interpolation=Interpolation.AREA, threads=1
        )


def _between(least: int, number: float, most: int) -> int:
    return min(most, max(least, round(number)))
