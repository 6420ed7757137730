"""Writes bot/render/fonts/coverage.tsv: which characters each bundled font has.

    uv run python -m scripts.make_coverage

Each line is a font's file name and the ranges of code points in its character map (cmap), in
hexadecimal. Pillow draws text but can't tell whether a font has a character.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from fontTools.ttLib import TTFont

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

FONTS = Path(__file__).parent.parent / "bot" / "render" / "fonts"
OUTPUT = FONTS / "coverage.tsv"


def coverage() -> str:
    """Return the table of all fonts in the folder."""
    fonts = sorted([*FONTS.glob("*.ttf"), *FONTS.glob("*.otf")])
    return "".join(f"{font.name}\t{_covered(font)}\n" for font in fonts)


def _covered(path: Path) -> str:
    with TTFont(path, lazy=True) as font:
        code_points = sorted(font.getBestCmap())
    return " ".join(f"{first:x}-{last:x}" for first, last in _ranges(code_points))


def _ranges(code_points: Iterable[int]) -> Iterator[tuple[int, int]]:
    """Join consecutive code points, given in order, to ranges."""
    first = last = -2
    for code_point in code_points:
        if code_point != last + 1:
            if last >= 0:
                yield first, last
            first = code_point
        last = code_point
    if last >= 0:
        yield first, last


if __name__ == "__main__":
    OUTPUT.write_text(coverage())
