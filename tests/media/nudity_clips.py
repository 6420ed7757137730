"""A picture that stands in for nudity: nine ellipses that both networks mistake for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PIL import Image, ImageDraw, ImageFilter

from tests.media.text_clips import SIZE, make_text_clip

if TYPE_CHECKING:
    from pathlib import Path

_DRAWN = 320, 240
_BACKGROUND = 126, 97, 65
# The middle, half the width, half the height, and the colour of each, in the order of drawing.
_ELLIPSES = (
    (211, 40, 25, 68, 227, 177, 152),
    (207, 79, 32, 78, 224, 174, 129),
    (255, 244, 58, 98, 170, 120, 99),
    (288, 106, 1, 14, 154, 99, 85),
    (255, 234, 75, 41, 195, 145, 120),
    (301, 88, 64, 81, 179, 131, 127),
    (277, 3, 37, 40, 243, 174, 139),
    (17, 72, 28, 72, 158, 108, 83),
    (280, 24, 58, 107, 167, 117, 92),
)


def ellipses() -> Image.Image:
    """Draw the picture."""
    picture = Image.new("RGB", _DRAWN, _BACKGROUND)
    for x, y, width, height, *colour in _ELLIPSES:
        around = x - width, y - height, x + width, y + height
        ImageDraw.Draw(picture).ellipse(around, tuple(colour))
    return picture.filter(ImageFilter.GaussianBlur(5)).resize(SIZE)


def meadow() -> Image.Image:
    """Draw a picture with nothing that could be skin."""
    picture = Image.new("RGB", SIZE, (90, 140, 220))
    noise = Image.effect_noise((SIZE[0], SIZE[1] // 2), 60)
    picture.paste(
        Image.merge("RGB", (noise.point(lambda _: 40), noise, noise.point(lambda _: 50))),
        (0, SIZE[1] // 2),
    )
    return picture


def make_nudity_clip(path: Path) -> Path:
    """Write a clip of three seconds of a meadow, two of the ellipses, and one of the meadow."""
    return make_text_clip(path, [meadow()] * 3 + [ellipses()] * 2 + [meadow()])
