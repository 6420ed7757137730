"""The strip of stills over a timeline's picture: small pictures of the moments tags change."""

from __future__ import annotations

import io
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from PIL import Image, ImageDraw, ImageOps
from PIL.JpegImagePlugin import JpegImageFile

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from bot.domain.tagging import Thumbnail
    from bot.domain.timeline import Span

HEIGHT = 92
GAP = 6
_ROUND = 6
_MAX_BYTES = 128 * 1024
_MAX_PIXELS = 512 * 512
_MAX_WIDTH = 2.4  # times its height; of what is wider the middle is shown
_WIDENED = 1.3  # so much wider than it is may a still be shown, cut off above and below


@dataclass(frozen=True, slots=True)
class Tile:
    """A still at its place in the strip, in pixels from the picture's left edge."""

    second: int
    left: int
    image: Image.Image


def strip(
    thumbnails: Sequence[Thumbnail],
    spans: Sequence[Span],
    x: Callable[[int], int],
    length: int,
) -> list[Tile]:
    """Return a row of stills along the whole clip, in order of time, each near its second.

    The clip's ``length`` seconds are cut into as many equal parts as there is room for tiles, and
    each part shows a still of its own: the first of the longest of the ``spans`` that begin there.
    ``x`` tells where in the picture a second is.
    """
    opened = {
        thumbnail.second: image
        for thumbnail in thumbnails
        if (image := open_thumbnail(thumbnail.jpeg))
    }
    if not opened:
        return []
    widest = max(image.width for image in opened.values())
    room = x(length) - x(0)
    count = max(1, min(len(opened), (room + GAP) // (widest + GAP)))
    edges = [x(0) + room * part // count for part in range(count + 1)]
    tiles = []
    for part, (left, right) in enumerate(pairwise(edges)):
        here = [second for second in opened if second * count // length == part]
        if here:
            second = _chosen(here, spans)
            end = right - (GAP if part + 1 < count else 0)
            tiles.append(_tile(second, opened[second], left, end, x(second)))
    return tiles


def open_thumbnail(jpeg: bytes) -> Image.Image | None:
    """Return a still as a picture of ``HEIGHT``, or None where the bytes are not a small JPEG.

    They are strangers', and come from a child that opened a stranger's file: nothing but Pillow's
    reader for JPEG looks at them, and only if they promise few pixels.
    """
    if len(jpeg) > _MAX_BYTES:
        return None
    try:
        with JpegImageFile(io.BytesIO(jpeg)) as opened:
            if opened.width * opened.height > _MAX_PIXELS:
                return None
            picture = opened.convert("RGB")
    except (OSError, SyntaxError, ValueError):  # how Pillow says that a file is broken
        return None
    return _fitted(picture)


def mask(size: tuple[int, int], radius: float) -> Image.Image:
    """Return a mask of a rectangle with smooth round corners."""
    fine = 4
    drawn = Image.new("L", (size[0] * fine, size[1] * fine))
    box = (0, 0, drawn.width - 1, drawn.height - 1)
    ImageDraw.Draw(drawn).rounded_rectangle(box, radius * fine, 255)
    return drawn.resize(size, Image.Resampling.BOX)


def rounded(picture: Image.Image) -> Image.Image:
    """Return the mask of a still in the strip."""
    return mask(picture.size, _ROUND)


def _fitted(picture: Image.Image) -> Image.Image:
    width = round(HEIGHT * min(_MAX_WIDTH, picture.width / picture.height))
    return ImageOps.fit(picture, (max(HEIGHT // 4, width), HEIGHT))


def _chosen(seconds: Sequence[int], spans: Iterable[Span]) -> int:
    """Return the first second of the longest span that begins among these, else the first.

    A span with tags is told before one of nothing.
    """
    begun = {
        second: (bool(span.tags), span.end - span.start, -second)
        for span in spans
        if span.start >= seconds[0]
        and (second := next((each for each in seconds if span.start <= each < span.end), -1)) >= 0
    }
    return max(begun, key=begun.__getitem__, default=seconds[0])


def _tile(second: int, image: Image.Image, left: int, right: int, x: int) -> Tile:
    """Return a tile that fills its part, or begins at ``x`` where too much were cut off for it."""
    width = min(right - left, round(image.width * _WIDENED))
    return Tile(second, max(left, min(x, right - width)), ImageOps.fit(image, (width, HEIGHT)))
