"""The picture of a timeline: one row per tag, time along the bottom, colour by score.

Its own dark background makes it look the same in Discord's dark and light themes. The text is large
enough for a phone, which shows it about 400 pixels wide.
"""

from __future__ import annotations

import io
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from PIL import Image, ImageDraw

from bot.i18n import ENGLISH
from bot.render import filmstrip, formatting, sanitize, screen_text
from bot.render.clip_kind import kind_name
from bot.render.text_drawing import TextRenderer

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from bot.domain.kind import Kind
    from bot.domain.tagging import Thumbnail
    from bot.domain.text_lines import TextLine
    from bot.domain.timeline import Segment, Span, Timeline
    from bot.i18n import Translator
    from bot.render.text_drawing import Colour

MAX_ROWS = 10
WIDTH = 900
_MARGIN, _HEADER, _ROW, _AXIS, _MORE, _BAR = 24, 62, 48, 54, 36, 28
_MIN_NAMES_WIDTH, _MAX_NAMES_WIDTH, _SCORE = 130, 290, 66  # column widths
_SIZE, _SMALL = 30, 24
_BACKGROUND, _STRIPE, _LINE = (30, 31, 34), (43, 45, 49), (68, 71, 79)
_PLATE = (88, 91, 99)  # behind text that was read
_MIN_WRITTEN = 60  # pixels
_TEXT, _MUTED = (242, 243, 245), (181, 186, 193)
# Colours from the threshold to a score of 1: lighter is higher, also for the colour-blind (viridis,
# CC0, https://bids.github.io/colormap/). The dark end contrasts with both row backgrounds.
_RAMP = ((60, 128, 172), (33, 148, 143), (53, 183, 121), (144, 215, 67), (253, 231, 37))
_TICK_STEPS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600)
_MAX_ALT_LENGTH = 1000  # characters; Discord allows 1024


@dataclass(frozen=True, slots=True)
class Row:
    """One tag: its highest score, and its score by second."""

    name: str
    best: float
    scores: dict[int, float]


def draw(
    name: str,
    timeline: Timeline,
    *,
    thumbnails: Sequence[Thumbnail] = (),
    text: Sequence[TextLine] = (),
    kind: Kind | None = None,
    translate: Translator = ENGLISH,
) -> bytes:
    """Return the picture of a clip's timeline as a PNG, with a strip of thumbnails if it has any.

    The ``kind`` of the clip is written beside its length. The ``text`` that was read in the clip
    has a row of its own. A thumbnail that can't be opened is left out.
    """
    facts = f" · {formatting.length(timeline.duration, translate)}"
    if shown := kind_name(kind, translate):
        facts += f" · {shown}"
    return _Sheet(timeline, thumbnails, translate, text).draw(name, facts)


def describe(
    name: str,
    timeline: Timeline,
    *,
    description: str | None = None,
    text: Sequence[TextLine] = (),
    translate: Translator = ENGLISH,
) -> str:
    """Return the picture's alt text, at most 1000 characters; it begins with the description."""
    rows = rows_of(timeline)
    parts = [f"{sanitize.clean(row.name)} {_when(timeline, row.name)}" for row in rows[:MAX_ROWS]]
    if len(rows) > MAX_ROWS:
        parts.append(_more(len(rows) - MAX_ROWS, translate))
    length = formatting.length(timeline.duration, translate)
    facts = {"clip": sanitize.clean(name), "length": length}
    if parts:
        said = translate("Timeline of {clip}, {length}: {tags}", tags="; ".join(parts), **facts)
    else:
        above = formatting.thresholds(timeline)
        said = translate(
            "Timeline of {clip}, {length}. Nothing scored above {above}.", above=above, **facts
        )
    if description:
        said = f"{description} {said}"
    if ranges := screen_text.text_ranges(text):
        shown = ", ".join(
            f"{screen_text.quoted(each.text, sanitize.clean, translate)} "
            + formatting.span(each.start, each.end)
            for each in ranges
        )
        said = translate("{tags}. Text on the screen: {text}", tags=said.rstrip("."), text=shown)
    return said if len(said) <= _MAX_ALT_LENGTH else said[: _MAX_ALT_LENGTH - 1] + "…"


def rows_of(timeline: Timeline) -> list[Row]:
    """Return a row for each tag, by highest score, then by number of seconds."""
    scores: dict[str, dict[int, float]] = {}
    for second in timeline.seconds:
        for tag in second.tags:
            scores.setdefault(tag.name, {})[second.second] = tag.score
    rows = [Row(name, max(seen.values()), seen) for name, seen in scores.items()]
    return sorted(rows, key=lambda row: (-row.best, -len(row.scores), row.name))


class _Sheet:
    """The picture while it is being drawn; ``top`` is the top of the first row in pixels."""

    def __init__(
        self,
        timeline: Timeline,
        thumbnails: Sequence[Thumbnail],
        translate: Translator,
        text: Sequence[TextLine] = (),
    ) -> None:
        rows = rows_of(timeline)
        self._timeline = timeline
        self._translate = translate
        self._rows, self._more = rows[:MAX_ROWS], len(rows) - len(rows[:MAX_ROWS])
        self._length = len(timeline.seconds)
        self._large, self._small = TextRenderer(_SIZE), TextRenderer(_SMALL)
        self._left, self._right = self._bars()
        spans = _spans(timeline, {row.name for row in self._rows}) if thumbnails else ()
        self._tiles = filmstrip.strip(thumbnails, spans, self.x, self._length)
        self.top = _MARGIN + _HEADER + (filmstrip.HEIGHT + 2 * filmstrip.GAP if self._tiles else 0)
        self._text = screen_text.text_ranges(text)
        self._text_top = self.top + max(1, len(self._rows)) * _ROW
        self._bottom = self._text_top + (_ROW if self._text else 0)
        height = self._bottom + _AXIS + (_MORE if self._more else 0) + _MARGIN // 2
        self._image = Image.new("RGB", (WIDTH, height), _BACKGROUND)
        self._draw = ImageDraw.Draw(self._image)

    def draw(self, name: str, facts: str) -> bytes:
        """Return the whole picture as a PNG, with some facts after the clip's name."""
        self._header(name, facts)
        self._stripes()
        self._axis()
        self._strip()
        for number, row in enumerate(self._rows):
            self._row(self.top + number * _ROW, row)
        self._text_row()
        if not self._rows:
            above = formatting.thresholds(self._timeline)
            said = self._translate("Nothing scored above {above}.", above=above)
            self._large.write(self._draw, (_MARGIN, self.top + 34), said, _MUTED)
        png = io.BytesIO()
        self._image.save(png, "PNG")  # optimize=True takes four times as long for 4 % fewer bytes
        return png.getvalue()

    def x(self, second: int) -> int:
        """Return the horizontal position of a second, in pixels."""
        return self._left + round((self._right - self._left) * second / self._length)

    def _bars(self) -> tuple[int, int]:
        """Return where the bars begin and end: after the longest name, before the scores."""
        widest = max((self._large.width(sanitize.clean(row.name)) for row in self._rows), default=0)
        column = min(max(widest, _MIN_NAMES_WIDTH), _MAX_NAMES_WIDTH)
        return _MARGIN + column + _MARGIN, WIDTH - _MARGIN - _SCORE

    def _header(self, name: str, facts: str) -> None:
        """Write the clip's name and facts, and draw the legend."""
        base = _MARGIN + 26
        end = self._legend(base)
        room = end - 2 * _MARGIN - self._small.width(facts)
        shown = self._large.fitted(sanitize.clean(name), room)
        self._large.write(self._draw, (_MARGIN, base), shown, _TEXT)
        after = _MARGIN + self._large.width(shown)
        self._small.write(self._draw, (after, base), facts, _MUTED)

    def _legend(self, base: int) -> int:
        """Draw the colour legend at the right; return its left edge."""
        above = self._translate("above {above}", above=formatting.thresholds(self._timeline))
        low = self._timeline.threshold
        ramp = 90
        left = WIDTH - _MARGIN - self._small.width("1") - 10 - ramp
        self._small.write(self._draw, (left + ramp + 10, base), "1", _MUTED)
        scores = {at: low + (1 - low) * at / (ramp - 1) for at in range(ramp)}
        self._bar((left, base - 15, left + ramp, base), scores, list(range(left, left + ramp + 1)))
        begin = left - 10 - self._small.width(above)
        self._small.write(self._draw, (begin, base), above, _MUTED)
        return begin

    def _stripes(self) -> None:
        """Draw the background of every other row."""
        for top in range(self.top, self._bottom, 2 * _ROW):
            self._draw.rectangle((0, top, WIDTH, top + _ROW - 1), _STRIPE)

    def _axis(self) -> None:
        """Draw the time axis with grid lines, and the number of tags left out."""
        base = self._bottom + 36
        top = self.top if self._rows else self._bottom
        for second in _ticks(self._length):
            x = self.x(second)
            self._draw.line((x, top, x, self._bottom + 6), _LINE, 2)
            written = formatting.clock(second)
            width = self._small.width(written)
            left = min(x - width // 2, WIDTH - _MARGIN - width)
            self._small.write(self._draw, (left, base), written, _MUTED)
        if self._more:
            said = _more(self._more, self._translate)
            self._small.write(self._draw, (_MARGIN, base + _MORE), said, _MUTED)

    def _strip(self) -> None:
        """Draw the thumbnails, each with a tick at its time."""
        top = _MARGIN + _HEADER - filmstrip.GAP
        for tile in self._tiles:
            self._image.paste(tile.image, (tile.left, top), filmstrip.rounded(tile.image))
            x = self.x(tile.second)
            tick = (x, top + filmstrip.HEIGHT + 3, x, self.top)
            self._draw.line(tick, _MUTED, 2)

    def _row(self, top: int, row: Row) -> None:
        """Draw a tag's name, its segments and its highest score."""
        room = self._left - 2 * _MARGIN
        name = self._large.fitted(sanitize.clean(row.name), room)
        self._large.write(self._draw, (_MARGIN, top + 34), name, _TEXT)
        for segment in self._timeline.segments:
            if segment.tag == row.name:
                self._segment(top + (_ROW - _BAR) // 2, row, segment)
        score = formatting.score(row.best)
        left = WIDTH - _MARGIN - self._large.width(score)
        self._large.write(self._draw, (left, top + 34), score, _TEXT)

    def _text_row(self) -> None:
        """Draw where text was read, each piece with what it says up to the next one."""
        if not self._text:
            return
        room = self._left - 2 * _MARGIN
        said = self._large.fitted(self._translate("Text"), room)
        self._large.write(self._draw, (_MARGIN, self._text_top + 34), said, _TEXT)
        for each in sorted(self._text, key=lambda each: each.start - each.end):
            self._plate(self.x(each.start), self.x(each.end))
        starts = [self.x(each.start) for each in self._text]
        for each, left, end in zip(self._text, starts, [*starts[1:], WIDTH - _MARGIN], strict=True):
            if end - left >= _MIN_WRITTEN:
                shown = self._small.fitted(sanitize.clean(each.text), end - left - 16)
                self._small.write(self._draw, (left + 8, self._text_top + 32), shown, _TEXT)

    def _plate(self, left: int, right: int) -> None:
        """Draw the bar behind a piece of text, with gaps, as it may be over a longer one."""
        top = self._text_top + (_ROW - _BAR) // 2
        plate = Image.new("RGB", (max(right - 1 - left, 4), _BAR), _PLATE)
        self._draw.rectangle((left - 2, top, left + plate.width + 1, top + _BAR), _BACKGROUND)
        self._image.paste(plate, (left, top), filmstrip.mask(plate.size, min(6, plate.width / 3)))

    def _segment(self, top: int, row: Row, segment: Segment) -> None:
        edges = [self.x(second) for second in range(segment.start, segment.end + 1)]
        scores = dict(enumerate(row.scores[at] for at in range(segment.start, segment.end)))
        edges[-1] = max(edges[-1] - 1, edges[0] + 4)
        self._bar((edges[0], top, edges[-1], top + _BAR), scores, edges)

    def _bar(
        self, box: tuple[int, int, int, int], scores: dict[int, float], edges: Sequence[int]
    ) -> None:
        """Draw a bar with rounded corners, coloured between each two edges by the score there."""
        left, top, right, bottom = box
        bar = Image.new("RGB", (right - left, bottom - top))
        colours = ImageDraw.Draw(bar)
        for at, score in scores.items():
            part = (edges[at] - left, 0, max(edges[at], edges[at + 1] - 1) - left, bar.height)
            colours.rectangle(part, self._colour(score))
        self._image.paste(bar, (left, top), filmstrip.mask(bar.size, min(6, bar.width / 3)))

    def _colour(self, score: float) -> Colour:
        """Return the colour of a score between the threshold and 1."""
        low = self._timeline.threshold
        place = min(1.0, max(0.0, (score - low) / (1 - low))) * (len(_RAMP) - 1)
        below = min(int(place), len(_RAMP) - 2)
        first, second = _RAMP[below], _RAMP[below + 1]
        part = place - below
        mixed = (round(a + (b - a) * part) for a, b in zip(first, second, strict=True))
        red, green, blue = mixed
        return red, green, blue


def _spans(timeline: Timeline, tags: Collection[str]) -> tuple[Span, ...]:
    """Return the spans of a timeline with only these tags."""
    seconds = tuple(
        replace(second, tags=tuple(tag for tag in second.tags if tag.name in tags))
        for second in timeline.seconds
    )
    return replace(timeline, seconds=seconds).spans


def _more(count: int, translate: Translator) -> str:
    return translate("+{count} more", count=count)


def _when(timeline: Timeline, tag: str) -> str:
    ranges = (
        f"{formatting.clock(segment.start)}–{formatting.clock(segment.end)}"
        for segment in timeline.segments
        if segment.tag == tag
    )
    return ", ".join(ranges)


def _ticks(length: int) -> range:
    """Return the seconds to label: up to seven, at round intervals."""
    max_intervals = 6
    step = next((step for step in _TICK_STEPS if length / step <= max_intervals), _TICK_STEPS[-1])
    return range(0, length + 1, step)
