"""Writing in a picture in any script: what one font lacks comes from the next."""

from __future__ import annotations

import io
import unicodedata
from functools import cached_property, lru_cache
from importlib import resources
from itertools import groupby
from typing import TYPE_CHECKING

from PIL import ImageFont

if TYPE_CHECKING:
    from collections.abc import Iterator

    from PIL import ImageDraw

# The prettiest first, the one with the most letters last.
_FONTS = (
    "DejaVuSans.ttf",
    "DroidSansFallbackFull.ttf",
    "NanumSquareR.ttf",
    *(f"NotoSans{script}-Regular.ttf" for script in ("Devanagari", "Bengali", "Tamil")),
    *(f"NotoSans{script}-Regular.ttf" for script in ("Telugu", "Thai")),
    "Symbola.ttf",
    "unifont.otf",
)
_LOOKED_AT = 20  # pixels
_JOINERS = "\u200c\u200d"
# They choose between a letter's looks, and have none of their own.
_VARIATIONS = dict.fromkeys(range(0xFE00, 0xFE10))
Colour = tuple[int, int, int]


class TextRenderer:
    """Letters of one size, in pixels."""

    def __init__(self, size: int) -> None:
        self._fonts = [_Font(file, size) for file in _FONTS]

    def write(
        self, sheet: ImageDraw.ImageDraw, at: tuple[float, float], text: str, colour: Colour
    ) -> None:
        """Write ``text`` on a sheet from a point on, its letters standing on that height."""
        x, y = at
        for part, font in self.parts(text):
            sheet.text((x, y), part, colour, font.letters, anchor="ls")
            x += font.letters.getlength(part)

    def width(self, text: str) -> int:
        """Return how many pixels a text takes."""
        return round(sum(font.letters.getlength(part) for part, font in self.parts(text)))

    def fitted(self, text: str, room: float) -> str:
        """Return the text, its end cut off where there is no room for it."""
        if self.width(text) <= room:
            return text
        shorter = len(text)
        while shorter and self.width(text[:shorter] + "…") > room:
            shorter -= 1
        return text[:shorter].rstrip() + "…"

    def parts(self, text: str) -> list[tuple[str, _Font]]:
        """Return the text in parts from left to right, each with a font for it.

        Within a part the letters are joined and turned around by Raqm.
        """
        letters = ((letter, self._font(letter)) for letter in _letters(text.translate(_VARIATIONS)))
        parts = [
            ("".join(letter for letter, _ in part), font)
            for font, part in groupby(letters, key=lambda pair: pair[1])
        ]
        return parts[::-1] if _runs_leftwards(text) else parts

    def _font(self, letter: str) -> _Font:
        return next((font for font in self._fonts if font.has(letter)), self._fonts[0])


class _Font:
    """A bundled font, read when it is needed."""

    def __init__(self, file: str, size: int) -> None:
        self._file = file
        self._size = size

    @cached_property
    def letters(self) -> ImageFont.FreeTypeFont:
        font = resources.files("bot.render").joinpath("fonts", self._file)
        return ImageFont.truetype(io.BytesIO(font.read_bytes()), self._size)

    def has(self, letter: str) -> bool:
        """Tell whether it has a letter with its marks: what it lacks looks like what none has."""
        return all(
            each.isspace() or each in _JOINERS or _is_in(self._file, each) for each in letter
        )

    @cached_property
    def missing(self) -> tuple[tuple[int, int], bytes]:
        """What it shows for letters it lacks."""
        return self.look("\U0010ffff")

    def look(self, character: str) -> tuple[tuple[int, int], bytes]:
        """Return what it shows for a letter."""
        mask = self.letters.getmask(character)
        return mask.size, bytes(mask)


@lru_cache(maxsize=10_000)
def _is_in(file: str, character: str) -> bool:
    """Tell whether a font has a letter; remembered, as finding out costs more than writing it."""
    font = _looked_through(file)
    return font.look(character) != font.missing


@lru_cache(maxsize=len(_FONTS))
def _looked_through(file: str) -> _Font:
    return _Font(file, _LOOKED_AT)


def _letters(text: str) -> Iterator[str]:
    """Yield each letter with the marks, joiners and space that follow it."""
    letter = ""
    for character in text:
        follows = unicodedata.category(character).startswith("M") or character in _JOINERS
        if letter and not follows and not character.isspace():
            yield letter
            letter = ""
        letter += character
    if letter:
        yield letter


def _runs_leftwards(text: str) -> bool:
    """Tell whether the first letter that has a direction belongs to a script written leftwards."""
    directions = (unicodedata.bidirectional(character) for character in text)
    return next((each for each in directions if each in {"L", "R", "AL"}), "L") != "L"
