"""The sense for text on the screen: it reads the lines in a clip's frames, one after the other.

Finding lines takes longer than all other models together, so it is done as rarely as possible:
never in a frame without strokes (``text_gate``), and only every few seconds while the lines found
before still look the same, or where a shot has strokes but no text (foliage, fences, windows). Once
text turns up there, the frames left out are read, too.

Import this only in a sandboxed child (it uses NumPy, onnxruntime and Pillow).
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from bot.domain.text_lines import MAX_LINE_LENGTH, MAX_LINES_A_FRAME, SeenLine, join_lines
from bot.media.decode.scaling import View
from bot.media.sandbox.child import is_out_of_memory
from bot.taggers.local.looks import grey_grid
from bot.taggers.local.text_gate import stroke_cells
from bot.taggers.local.text_models import DETECTOR_MULTIPLE, cut_out, line_width

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from bot.domain.text_lines import TextLine
    from bot.media.decode.scaling import Picture
    from bot.taggers.local.looks import Grid, Moment
    from bot.taggers.local.text_boxes import TextBox
    from bot.taggers.local.text_models import TextModels

    Strip = NDArray[np.float32]

TEXT_VIEW = View(640, whole=True, multiple=DETECTOR_MULTIPLE, grey=True)
# The width of all lines read in one frame, in pixels: a wall of small print takes no longer.
_MAX_READ_WIDTH = 8_000
_MIN_SCORE = 0.5
_MAX_SKIPPED = 3  # frames in a row; a postponed one takes a quarter of a megabyte
# More cells with strokes than before: text may have appeared.
_NEW_CELLS, _NEW_SHARE = 4, 0.25
_CUT = 25  # mean change of the grey grid
_SAME_LINE = 0.8  # correlation of two pictures of one line; the background may move behind it
_STRIP = 96, 12  # the size at which these are compared


@dataclass(frozen=True, slots=True)
class _Line:
    """A line of a frame, and what its strip of the picture looks like."""

    seen: SeenLine
    box: TextBox
    strip: Strip


@dataclass(frozen=True, slots=True)
class _Frame:
    """The last frame in which lines were looked for; it may have none."""

    cells: int
    grid: Grid
    lines: tuple[_Line, ...]


@dataclass(frozen=True, slots=True)
class _Postponed:
    """A frame that probably has no text."""

    moments: Sequence[Moment]
    picture: Picture


class ClipText:
    """Reads the text of one clip, frame by frame in order of time."""

    view = TEXT_VIEW

    def __init__(self, models: TextModels) -> None:
        self._models = models
        self._seen: list[tuple[int, tuple[SeenLine, ...]]] = []
        self._before: _Frame | None = None
        self._skipped = 0
        self._postponed: list[_Postponed] = []
        self._has_stopped = False

    def add(self, moments: Sequence[Moment], picture: Picture) -> None:
        """Add the next picture of the view, and the moments it stands for.

        If memory runs out, no more is read: the tags of the clip are worth more than its text.
        """
        if self._has_stopped:
            return
        try:
            self._add(moments, picture)
        except Exception as error:
            if not is_out_of_memory(error):
                raise
            self._has_stopped = True
            self._remember(None)

    def _add(self, moments: Sequence[Moment], picture: Picture) -> None:
        cells = stroke_cells(picture)
        before = self._before
        if not cells:
            self._remember(None)
        elif (
            before is None or self._skipped >= _MAX_SKIPPED or _has_changed(before, cells, picture)
        ):
            self._look(moments, picture, cells)
        else:
            self._skip(before, moments, picture)

    def joined(self) -> tuple[TextLine, ...]:
        """Return the lines of the clip, after its last frame was added."""
        return join_lines(sorted(self._seen, key=lambda frame: frame[0]))

    def _skip(self, before: _Frame, moments: Sequence[Moment], picture: Picture) -> None:
        """Take over the lines of the frame before; without any, keep the picture for later."""
        self._skipped += 1
        if before.lines:
            self._record(moments, before.lines)
        else:
            self._postponed.append(_Postponed(moments, picture))

    def _look(self, moments: Sequence[Moment], picture: Picture, cells: int) -> None:
        lines = self._read(picture)
        self._record(moments, lines)
        earlier = lines
        while earlier and self._postponed:  # until a frame has no text, backwards
            frame = self._postponed.pop()
            earlier = self._read(frame.picture)
            self._record(frame.moments, earlier)
        self._remember(_Frame(cells, grey_grid(picture), lines))

    def _remember(self, frame: _Frame | None) -> None:
        self._before, self._skipped = frame, 0
        self._postponed.clear()

    def _record(self, moments: Sequence[Moment], lines: Sequence[_Line]) -> None:
        seen = tuple(line.seen for line in lines)
        self._seen += [(moment.second, seen) for moment in moments]

    def _read(self, picture: Picture) -> tuple[_Line, ...]:
        boxes = _affordable(self._models.find(picture))
        image = Image.fromarray(picture)
        lines = [self._line(image, box) for box in boxes]
        readable = [line for line in lines if line.seen.text and line.seen.score >= _MIN_SCORE]
        return tuple(sorted(readable, key=lambda line: (line.seen.y, line.seen.x)))

    def _line(self, image: Image.Image, box: TextBox) -> _Line:
        cut = cut_out(image, box)
        reading = self._models.read(cut)
        text = " ".join(unicodedata.normalize("NFKC", reading.text).split())
        seen = SeenLine(
            text[:MAX_LINE_LENGTH],
            round(reading.score, 3),
            x=box.x / image.width,
            y=box.y / image.height,
            height=box.height / image.height,
        )
        return _Line(seen, box, _strip(cut))


def _has_changed(before: _Frame, cells: int, picture: Picture) -> bool:
    """Return whether a frame may have other text than the one before."""
    if cells > before.cells + max(_NEW_CELLS, before.cells * _NEW_SHARE):
        return True
    if not before.lines:
        return float(np.abs(grey_grid(picture) - before.grid).mean()) > _CUT
    image = Image.fromarray(picture)
    return any(not _is_same(line, _strip(cut_out(image, line.box))) for line in before.lines)


def _strip(line: Picture) -> Strip:
    """Return a line as a small strip of grey values, whatever their brightness and contrast."""
    grey = Image.fromarray(line).convert("L").resize(_STRIP, Image.Resampling.BOX)
    values = np.asarray(grey).astype(np.float32)
    values -= values.mean()
    return values / max(1.0, float(np.sqrt((values**2).sum())))


def _is_same(line: _Line, strip: Strip) -> bool:
    return float((line.strip * strip).sum()) >= _SAME_LINE


def _affordable(boxes: Sequence[TextBox]) -> Iterator[TextBox]:
    """Yield the largest boxes, as many as may be read in one frame."""
    width = 0
    for box in boxes[:MAX_LINES_A_FRAME]:
        width += line_width(box)
        if width > _MAX_READ_WIDTH:
            return
        yield box
