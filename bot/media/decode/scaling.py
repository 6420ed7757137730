"""Scaling decoded frames to the sizes that models want. Import this only in a sandboxed child."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from av.video.reformatter import Interpolation, VideoReformatter
from PIL import Image

from bot.media.decode.orientation import orientation_of
from bot.media.decode.tone_mapping import is_hdr, to_sdr

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt
    from av.video.frame import VideoFrame

    Picture = npt.NDArray[np.uint8]

# Wider or taller pictures are squeezed: at full length they would cost memory for nothing, as a
# model sees only the middle.
_MAX_ASPECT_RATIO = 4


@dataclass(frozen=True, slots=True)
class View:
    """A picture size that a consumer wants; ``side`` in pixels.

    It is the shorter side, for models that crop the middle; in a ``whole`` view it is the longer
    side, for models that look at everything. A ``square`` view is squeezed. Both sides are rounded
    to a ``multiple``. A ``grey`` picture takes a third of the memory.
    """

    side: int
    whole: bool = False
    multiple: int = 1
    grey: bool = False
    square: bool = False

    def size(self, width: float, height: float) -> tuple[int, int]:
        """Return width and height of the scaled picture for one shown at ``width`` x ``height``."""
        if self.square:
            return self.side, self.side
        factor = self.side / (max(width, height) if self.whole else min(width, height))
        low, high = (1, self.side) if self.whole else (self.side, self.side * _MAX_ASPECT_RATIO)
        return self._rounded(low, width * factor, high), self._rounded(low, height * factor, high)

    def _rounded(self, low: float, number: float, high: float) -> int:
        step = self.multiple
        return step * _clamp(max(1, low // step), number / step, high // step)


class FrameScaler:
    """Scales a clip's decoded frames to each of its views.

    All pictures of one view have the same size, computed from the ``width`` and ``height`` in
    pixels at which the clip says it is shown. A frame of another shape is squeezed.
    """

    def __init__(self, views: Sequence[View], width: float, height: float) -> None:
        self._scalers = [_Scaler(*view.size(width, height), grey=view.grey) for view in views]
        self._scaled: tuple[VideoFrame, tuple[Picture, ...]] | None = None

    def scale(self, frame: VideoFrame) -> tuple[Picture, ...]:
        """Return the frame's picture for each view, upright.

        A frame that stays on screen for several seconds is scaled once.
        """
        if self._scaled is None or self._scaled[0] is not frame:
            self._scaled = frame, tuple(scaler.picture(frame) for scaler in self._scalers)
        return self._scaled[1]


class _Scaler:
    """Scales frames to RGB of one size; reuses libswscale's tables from frame to frame.

    Most frames are YUV. They are scaled first and converted to RGB when they are small: libswscale
    takes six times as long to do both at once.
    """

    def __init__(self, width: int, height: int, *, grey: bool) -> None:
        self._size = width, height
        self._grey = grey
        self._resizer = VideoReformatter()
        self._converter = VideoReformatter()

    def picture(self, frame: VideoFrame) -> Picture:
        """Return the scaled picture, upright."""
        coloured = self._coloured(frame)
        return to_grey(coloured) if self._grey else coloured

    def _coloured(self, frame: VideoFrame) -> Picture:
        orientation, transfer, kind = orientation_of(frame), frame.color_trc, frame.format.name
        if is_hdr(frame):
            frame = self._reformatted(self._resizer, frame, "yuv444p10le")
            coded: Any = self._reformatted(self._converter, frame, "rgb48le").to_ndarray()
            return orientation.apply(to_sdr(coded, transfer))
        if kind.startswith("yuv"):
            small = "yuvj420p" if kind.startswith("yuvj") else "yuv420p"
            frame = self._reformatted(self._resizer, frame, small)
        picture: Any = self._reformatted(self._converter, frame, "rgb24").to_ndarray()
        return orientation.apply(picture)

    def _reformatted(self, scaler: VideoReformatter, frame: VideoFrame, kind: str) -> VideoFrame:
        """Scale down by averaging areas, scale up linearly."""
        return scaler.reformat(
            frame, *self._size, kind, interpolation=Interpolation.AREA, threads=1
        )


def to_grey(picture: Picture) -> Picture:
    """Return the brightness of an RGB picture, of shape (height, width)."""
    return np.asarray(Image.fromarray(picture).convert("L"))


def _clamp(low: float, number: float, high: float) -> int:
    return round(min(high, max(low, round(number))))
