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
_LONGEST_BY_SHORTEST = 4


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
        least, most = (
            (1, self.side) if self.whole else (self.side, self.side * _LONGEST_BY_SHORTEST)
        )
        return _between(least, width * factor, most), _between(least, height * factor, most)


class Painter:
    """Makes pictures of decoded frames, one for each of its views.

    ``pixel_aspect`` is a pixel's width by its height as shown on screen.
    """

    def __init__(self, views: Sequence[View], pixel_aspect: float) -> None:
        self._ways = [(view, _Scaler()) for view in views]
        self._pixel_aspect = pixel_aspect
        self._painted: tuple[VideoFrame, tuple[Picture, ...]] | None = None

    def paint(self, frame: VideoFrame) -> tuple[Picture, ...]:
        """Scale with libswscale straight to each size, then turn the picture upright.

        A frame that stays on screen for seconds is painted once.
        """
        if self._painted is None or self._painted[0] is not frame:
            pictures = tuple(self._scaled(frame, view, scaler) for view, scaler in self._ways)
            self._painted = frame, pictures
        return self._painted[1]

    def _scaled(self, frame: VideoFrame, view: View, scaler: _Scaler) -> Picture:
        width, height = view.size(frame.width * self._pixel_aspect, frame.height)
        picture: Any = scaler.scale(frame, width, height).to_ndarray()
        return np.rot90(picture, k=frame.rotation // 90) if frame.rotation else picture


class _Scaler:
    """Scales frames to RGB; keeps libswscale's tables for the frames to come.

    Most frames are YUV. They are scaled first and turned into RGB when they are small: libswscale
    takes six times as long to do both at once.
    """

    def __init__(self) -> None:
        self._scaling = VideoReformatter()
        self._colouring = VideoReformatter()

    def scale(self, frame: VideoFrame, width: int, height: int) -> VideoFrame:
        kind = frame.format.name
        if kind.startswith("yuv"):
            small = "yuvj420p" if kind.startswith("yuvj") else "yuv420p"
            frame = _reformatted(self._scaling, frame, width, height, small)
        return _reformatted(self._colouring, frame, width, height, "rgb24")


def _reformatted(
    scaler: VideoReformatter, frame: VideoFrame, width: int, height: int, kind: str
) -> VideoFrame:
    """Scale by averaging the area a pixel covers; upwards, linearly."""
    return scaler.reformat(frame, width, height, kind, interpolation=Interpolation.AREA, threads=1)


def _between(least: int, number: float, most: int) -> int:
    return min(most, max(least, round(number)))
