"""The sense for nudity: it looks at a clip's frames one after the other.

To save time, it only looks at pictures that may show skin, and not at each one of the same shot.

Import this only in a sandboxed child (it uses NumPy, onnxruntime and Pillow).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from bot.domain.concepts import Concept, Frame
from bot.media.decode.scaling import View
from bot.media.sandbox.child import is_out_of_memory
from bot.taggers.local.image_stats import is_flat
from bot.taggers.local.looks import grey_grid

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bot.media.decode.scaling import Picture
    from bot.taggers.local.looks import Grid, Moment
    from bot.taggers.local.nudity_models import NudityModels

# The networks were trained with pictures squeezed into a square, so that nothing is cut off.
NUDITY_VIEW = View(256, square=True)
_STEP = 4  # every fourth pixel in both directions is enough for the gate
# Skin of any shade is brighter in red than in green and blue, by levels of 255.
_MIN_RED, _MIN_WARMTH, _MAX_BLUE = 60, 12, 15
_MIN_SKIN = 0.05
_MAX_TINT, _MIN_GREY = 12, 0.9  # a picture without colours may show skin, too
_SAME_SHOT = 12  # mean change of the grey grid
_MAX_SKIPPED = 1  # frames in a row


class ClipNudity:
    """Looks for nudity in one clip, frame by frame in order of time."""

    view = NUDITY_VIEW

    def __init__(self, models: NudityModels) -> None:
        self._models = models
        self._frames: list[Frame] | None = []
        self._before: tuple[Grid, tuple[Concept, ...]] | None = None
        self._skipped = 0

    def add(self, moments: Sequence[Moment], picture: Picture) -> None:
        """Add the next picture of the view, and the moments it stands for.

        If memory runs out, the clip's tags are kept, but it counts as not looked at.
        """
        if self._frames is None:
            return
        try:
            found = self._look(picture)
        except Exception as error:
            if not is_out_of_memory(error):
                raise
            self._frames = None
            return
        if found:
            self._frames += [Frame(each.second * 1000, found) for each in moments]

    def frames(self) -> tuple[Frame, ...] | None:
        """Return the frames in which something was seen, in order of time; None if it failed."""
        if self._frames is None:
            return None
        return tuple(sorted(self._frames, key=lambda frame: frame.time))

    def _look(self, picture: Picture) -> tuple[Concept, ...]:
        if is_flat(picture) or not may_show_skin(picture):
            self._before = None
            return ()
        grid = grey_grid(picture)
        if self._before and self._skipped < _MAX_SKIPPED and _is_near(grid, self._before[0]):
            self._skipped += 1
            return self._before[1]
        found = self._models.recognize(picture)
        self._before, self._skipped = (grid, found), 0
        return found


def may_show_skin(picture: Picture) -> bool:
    """Return whether enough of a picture has the colour of skin, or the picture has no colours."""
    sample = picture[::_STEP, ::_STEP].astype(np.int16)
    red, green, blue = sample[..., 0], sample[..., 1], sample[..., 2]
    is_warm = (red > _MIN_RED) & (red - blue > _MIN_WARMTH) & (red >= green)
    if np.mean(is_warm & (blue - green <= _MAX_BLUE)) >= _MIN_SKIN:
        return True
    tint = np.abs(red - blue) + np.abs(red - green)
    return bool(np.mean(tint < _MAX_TINT) >= _MIN_GREY)


def _is_near(one: Grid, other: Grid) -> bool:
    return float(np.abs(one - other).mean()) < _SAME_SHOT
