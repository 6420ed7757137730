"""Drawing text in any script: characters that one font lacks come from the next font."""

from __future__ import annotations

import io
import unicodedata
from bisect import bisect_right
from functools import cached_property, lru_cache
from importlib import resources
from itertools import groupby
from typing import TYPE_CHECKING

from PIL import ImageFont

if TYPE_CHECKING:
    from collections.abc import Iterator

    from PIL import ImageDraw

_FONT_FOLDER = resources.files("bot.render") / "fonts"
# In order of preference: the best looking first, the one with the most characters last.
_FONTS = (
    "DejaVuSans.ttf",
    "DroidSansFallbackFull.ttf",
    "NanumSquareR.ttf",
    *(f"NotoSans{script}-Regular.ttf" for script in ("Devanagari", "Bengali", "Tamil")),
    *(f"NotoSans{script}-Regular.ttf" for script in ("Telugu", "Thai")),
    "Symbola.ttf",
    "unifont.otf",
)
_JOINERS = "\u200c\u200d"
# Variation selectors choose between glyphs of the character before; they have none themselves.
_VARIATION_SELECTORS = dict.fromkeys(range(0xFE00, 0xFE10))
Colour = tuple[int, int, int]


class TextRenderer:
    """Draws text of one size, given in pixels."""

    def __init__(self, size: int) -> None:
        self._fonts = [_Font(file, size) for file in _FONTS]

    def write(
        self, sheet: ImageDraw.ImageDraw, at: tuple[float, float], text: str, colour: Colour
    ) -> None:
        """Draw ``text`` on a sheet; ``at`` is the left end of its baseline."""
        x, y = at
        for run, font in self.runs(text):
            sheet.text((x, y), run, colour, font.pillow, anchor="ls")
            x += font.pillow.getlength(run)

    def width(self, text: str) -> int:
        """Return the width of a text in pixels."""
        return round(sum(font.pillow.getlength(run) for run, font in self.runs(text)))

    def fitted(self, text: str, room: float) -> str:
        """Return the text, shortened with an ellipsis if it is wider than ``room`` pixels."""
        if self.width(text) <= room:
            return text
        length = len(text)
        while length and self.width(text[:length] + "…") > room:
            length -= 1
        return text[:length].rstrip() + "…"

    def runs(self, text: str) -> list[tuple[str, _Font]]:
        """Return the text in runs from left to right, each with a font that has its characters.

        Within a run Raqm joins the characters and orders them from right to left where needed.
        """
        clusters = _clusters(text.translate(_VARIATION_SELECTORS))
        with_fonts = ((cluster, self._font(cluster)) for cluster in clusters)
        runs = [
            ("".join(cluster for cluster, _ in run), font)
            for font, run in groupby(with_fonts, key=lambda pair: pair[1])
        ]
        return runs[::-1] if _is_right_to_left(text) else runs

    def _font(self, cluster: str) -> _Font:
        return next((font for font in self._fonts if font.has(cluster)), self._fonts[0])


class _Font:
    """A bundled font, loaded when it is first used."""

    def __init__(self, file: str, size: int) -> None:
        self.file = file
        self._size = size

    @cached_property
    def pillow(self) -> ImageFont.FreeTypeFont:
        """The font in Pillow."""
        return ImageFont.truetype(io.BytesIO((_FONT_FOLDER / self.file).read_bytes()), self._size)

    def has(self, cluster: str) -> bool:
        """Return whether the font has all characters of a cluster."""
        return all(
            character.isspace() or character in _JOINERS or _is_covered(self.file, character)
            for character in cluster
        )


def _is_covered(file: str, character: str) -> bool:
    """Return whether a font's character map has a character."""
    firsts, lasts = _coverage(file)
    position = bisect_right(firsts, ord(character)) - 1
    return position >= 0 and ord(character) <= lasts[position]


@lru_cache
def _coverage(file: str) -> tuple[list[int], list[int]]:
    """Return the first and the last code points of the ranges that a font has."""
    ranges = [each.split("-") for each in _coverage_table()[file].split()]
    return [int(first, 16) for first, _ in ranges], [int(last, 16) for _, last in ranges]


@lru_cache
def _coverage_table() -> dict[str, str]:
    """Read ``coverage.tsv``, which ``scripts/make_coverage.py`` makes."""
    lines = (_FONT_FOLDER / "coverage.tsv").read_text("utf-8").splitlines()
    return dict(line.split("\t", 1) for line in lines)


def _clusters(text: str) -> Iterator[str]:
    """Yield each character with the marks, joiners and spaces that follow it."""
    cluster = ""
    for character in text:
        follows = unicodedata.category(character).startswith("M") or character in _JOINERS
        if cluster and not follows and not character.isspace():
            yield cluster
            cluster = ""
        cluster += character
    if cluster:
        yield cluster


def _is_right_to_left(text: str) -> bool:
    """Return whether the first character that has a direction is written from right to left."""
    directions = (unicodedata.bidirectional(character) for character in text)
    return next((each for each in directions if each in {"L", "R", "AL"}), "L") != "L"
