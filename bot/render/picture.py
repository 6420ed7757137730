"""A timeline as a picture: a row a tag, time along the bottom, colour by score.

The picture brings its own dark ground, so that it reads the same on Discord's dark and light
themes; its letters are large enough for a phone, where it is shown at some 400 pixels' width.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from importlib import resources
from typing import TYPE_CHECKING

from PIL import Image, ImageDraw, ImageFont

from bot.render import figures, names

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bot.domain.timeline import Timeline

MOST_ROWS = 12
WIDTH = 1000
_MARGIN, _HEADER, _ROW, _AXIS = 24, 52, 48, 56
_NAMES_END, _BARS_START, _BARS_END = 296, 312, 900
_SIZE, _SMALL = 27, 22
_GROUND, _STRIPE = (30, 31, 34), (43, 45, 49)
_TEXT, _MUTED, _LINE = (242, 243, 245), (163, 168, 177), (64, 66, 73)
# From a score at the threshold to 1: lighter is surer, also to eyes that see no red or green
# (viridis, CC0, https://bids.github.io/colormap/).
_RAMP = ((49, 104, 142), (33, 145, 140), (53, 183, 121), (144, 215, 67), (253, 231, 37))
_STEPS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600)
# The prettiest first, the one with the most letters last.
_FONTS = ("DejaVuSans.ttf", "DroidSansFallbackFull.ttf", "unifont.otf")
_LONGEST_ALT = 1000  # characters; Discord takes 1024


@dataclass(frozen=True, slots=True)
class _Row:
    """One tag: its highest score, and its score at each second it is seen."""

    name: str
    best: float
    scores: dict[int, float]


def draw(name: str, timeline: Timeline) -> bytes:
    """Return the picture of a clip's timeline as a PNG."""
    rows = _rows(timeline)
    shown = rows[:MOST_ROWS]
    size = (WIDTH, _MARGIN + _HEADER + max(1, len(shown)) * _ROW + _AXIS)
    image = Image.new("RGB", size, _GROUND)
    sheet = _Sheet(image, timeline)
    sheet.header(name, more=len(rows) - len(shown))
    for number, row in enumerate(shown):
        sheet.row(number, row)
    if not shown:
        sheet.nothing()
    sheet.axis(max(1, len(shown)))
    png = io.BytesIO()
    image.save(png, "PNG", optimize=True)
    return png.getvalue()


def describe(name: str, timeline: Timeline) -> str:
    """Say in words what the picture shows, for those who can't see it; at most 1000 characters."""
    said = f"Timeline of {names.clean(name)}, {figures.length(timeline.duration)}: "
    parts = [f"{names.clean(row.name)} {_when(timeline, row.name)}" for row in _rows(timeline)]
    said += "; ".join(parts[:MOST_ROWS]) or f"nothing above {figures.threshold(timeline.threshold)}"
    return said if len(said) <= _LONGEST_ALT else said[: _LONGEST_ALT - 1] + "…"


class _Sheet:
    """The picture while it is drawn."""

    def __init__(self, image: Image.Image, timeline: Timeline) -> None:
        self._draw = ImageDraw.Draw(image)
        self._timeline = timeline
        self._length = len(timeline.seconds)
        self._text = _Lettering(self._draw)

    def header(self, name: str, more: int) -> None:
        """Write whose timeline it is, and how many tags there was no room for."""
        above = f"above {figures.threshold(self._timeline.threshold)}"
        right = f"{above} · {more} more tags" if more else above
        width = self._text.width(right, _SMALL)
        end = WIDTH - _MARGIN
        self._text.write((end - width, _MARGIN + 4), right, _SMALL, _MUTED)
        room = end - width - 2 * _MARGIN
        shown = self._text.fitted(names.clean(name), _SIZE, room)
        self._text.write((_MARGIN, _MARGIN), shown, _SIZE, _TEXT)

    def row(self, number: int, row: _Row) -> None:
        """Draw a tag's name, its seconds and its highest score."""
        top = _top(number)
        if number % 2 == 0:
            self._draw.rectangle((0, top, WIDTH, top + _ROW - 1), _STRIPE)
        name = self._text.fitted(names.clean(row.name), _SIZE, _NAMES_END - _MARGIN)
        self._text.write((_MARGIN, top + 7), name, _SIZE, _TEXT)
        for second, score in row.scores.items():
            left, right = self._x(second), max(self._x(second + 1) - 1, self._x(second) + 2)
            self._draw.rectangle((left, top + 9, right, top + _ROW - 10), self._colour(score))
        self._text.write((_BARS_END + 16, top + 8), figures.score(row.best), _SIZE, _TEXT)

    def nothing(self) -> None:
        """Say that no tag passed."""
        sentence = f"Nothing above {figures.threshold(self._timeline.threshold)}"
        self._text.write((_MARGIN, _top(0) + 7), sentence, _SIZE, _MUTED)

    def axis(self, rows: int) -> None:
        """Draw the line of time with its marks."""
        y = _top(rows) + 4
        self._draw.line((_BARS_START, y, _BARS_END, y), _LINE, 2)
        for second in _marks(self._length):
            x = self._x(second)
            self._draw.line((x, y, x, y + 8), _MUTED, 2)
            label = figures.clock(second)
            width = self._text.width(label, _SMALL)
            left = min(x - width // 2, WIDTH - _MARGIN - width)
            self._text.write((left, y + 12), label, _SMALL, _MUTED)

    def _x(self, second: int) -> int:
        return _BARS_START + round((_BARS_END - _BARS_START) * second / self._length)

    def _colour(self, score: float) -> tuple[int, int, int]:
        """Return the colour between the threshold's and that of 1."""
        low = self._timeline.threshold
        place = min(1.0, max(0.0, (score - low) / (1 - low))) * (len(_RAMP) - 1)
        below = min(int(place), len(_RAMP) - 2)
        first, second = _RAMP[below], _RAMP[below + 1]
        part = place - below
        mixed = (round(a + (b - a) * part) for a, b in zip(first, second, strict=True))
        red, green, blue = mixed
        return red, green, blue


class _Lettering:
    """Writing in any script: what one font lacks comes from the next."""

    def __init__(self, sheet: ImageDraw.ImageDraw) -> None:
        self._draw = sheet
        self._fonts = {size: [_font(file, size) for file in _FONTS] for size in (_SIZE, _SMALL)}

    def write(
        self, at: tuple[float, float], text: str, size: int, colour: tuple[int, int, int]
    ) -> None:
        """Write ``text`` with its upper left corner ``at`` a point."""
        x, y = at
        for part, font in self._parts(text, size):
            self._draw.text((x, y + size), part, colour, font, anchor="ls")
            x += font.getlength(part)

    def width(self, text: str, size: int) -> int:
        """Return how many pixels a text takes."""
        return round(sum(font.getlength(part) for part, font in self._parts(text, size)))

    def fitted(self, text: str, size: int, room: float) -> str:
        """Return the text, its end cut off where there is no room for it."""
        if self.width(text, size) <= room:
            return text
        shorter = len(text)
        while shorter and self.width(text[:shorter] + "…", size) > room:
            shorter -= 1
        return text[:shorter].rstrip() + "…"

    def _parts(self, text: str, size: int) -> Iterator[tuple[str, ImageFont.FreeTypeFont]]:
        """Yield the text in parts, each with a font for it; whole where one font has it all."""
        fonts = self._fonts[size]
        for font in fonts:
            if all(_has(font, character) for character in text):
                yield text, font
                return
        part, current = "", fonts[0]
        for character in text:
            font = next((font for font in fonts if _has(font, character)), fonts[0])
            if font is not current and part:
                yield part, current
                part = ""
            part, current = part + character, font
        yield part, current


def _rows(timeline: Timeline) -> list[_Row]:
    """Return a row for each tag, strongest first, the longer seen before the shorter."""
    scores: dict[str, dict[int, float]] = {}
    for second in timeline.seconds:
        for tag in second.tags:
            scores.setdefault(tag.name, {})[second.second] = tag.score
    rows = [_Row(name, max(seen.values()), seen) for name, seen in scores.items()]
    return sorted(rows, key=lambda row: (-row.best, -len(row.scores), row.name))


def _when(timeline: Timeline, tag: str) -> str:
    ranges = (
        f"{figures.clock(segment.start)}–{figures.clock(segment.end)}"
        for segment in timeline.segments
        if segment.tag == tag
    )
    return ", ".join(ranges)


def _marks(length: int) -> range:
    """Return the seconds to mark: some five to nine of them, at round distances."""
    most = 7
    step = next((step for step in _STEPS if length / step <= most), _STEPS[-1])
    return range(0, length + 1, step)


def _top(row: int) -> int:
    return _MARGIN + _HEADER + row * _ROW


def _font(file: str, size: int) -> ImageFont.FreeTypeFont:
    font = resources.files("bot.render").joinpath("fonts", file)
    return ImageFont.truetype(io.BytesIO(font.read_bytes()), size)


def _has(font: ImageFont.FreeTypeFont, character: str) -> bool:
    """Tell whether a font has a character: what it lacks looks like what no font has."""
    if character.isspace():
        return True
    missing = font.getmask("\U0010ffff")
    mask = font.getmask(character)
    return mask.size != missing.size or bytes(mask) != bytes(missing)
