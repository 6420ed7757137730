"""Turning and mirroring pictures as a clip's display matrix says.

Import this only in a sandboxed child (it uses PyAV and NumPy).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from av.sidedata.sidedata import Type

if TYPE_CHECKING:
    from av.video.frame import VideoFrame

    from bot.media.decode.scaling import Picture

# Nine numbers, row by row: ISO/IEC 14496-12 section 8.3.2. A pixel at (p, q) is shown at
# (a p + c q + x, b p + d q + y).
_MATRIX = struct.Struct("<9i")
# How far a quarter turn may be off: what rounding does, but no angle that somebody meant.
_MAX_ERROR = 0.02


@dataclass(frozen=True, slots=True)
class Orientation:
    """How to show a stored picture: swap its axes, then mirror it sideways or upside down."""

    swap: bool = False
    mirror: bool = False
    flip: bool = False

    def apply(self, picture: Picture) -> Picture:
        """Return the picture as it is shown."""
        shown = picture.swapaxes(0, 1) if self.swap else picture
        return shown[:: -1 if self.flip else 1, :: -1 if self.mirror else 1]


UPRIGHT = Orientation()


def orientation_of(frame: VideoFrame) -> Orientation:
    """Return how a frame is shown; odd angles are left as they are, as in browsers."""
    side_data: Any = frame.side_data  # PyAV's hints take it for a mapping of names
    matrix = side_data.get(Type.DISPLAYMATRIX)
    if matrix is None:
        return UPRIGHT
    a, b, _, c, d, *_ = _MATRIX.unpack(bytes(matrix)[: _MATRIX.size])
    if max(abs(b), abs(c)) <= _MAX_ERROR * min(abs(a), abs(d)):
        return Orientation(mirror=a < 0, flip=d < 0)
    if max(abs(a), abs(d)) <= _MAX_ERROR * min(abs(b), abs(c)):
        return Orientation(swap=True, mirror=c < 0, flip=b < 0)
    return UPRIGHT
