"""The strip of thumbnails above the timeline in a report's picture."""

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
_MAX_WIDTH = 2.4  # times the height; a wider picture is cropped to its middle
_MAX_STRETCH = 1.3  # a thumbnail may be shown this much wider, cropped above and below


@dataclass(frozen=True, slots=True)
class Tile:
    """A thumbnail at its position in the strip, in pixels from the picture's left edge."""

    second: int
    left: int
    image: Image.Image


def strip(
    thumbnails: Sequence[Thumbnail],
    spans: Sequence[Span],
    x: Callable[[int], int],
    length: int,
) -> list[Tile]:
    """Return a row of thumbnails along the whole clip, in time order, each near its second.

    The clip's ``length`` seconds are divided into as many equal parts as there is space for tiles.
    Each part shows one thumbnail: the first one of the longest of the ``spans`` that begin there.
    ``x`` maps a second to its position in the picture, in pixels.
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
    """Return a thumbnail scaled to ``HEIGHT``, or None if the bytes are not a small JPEG.

    The bytes are untrusted: they come from a child that opened a stranger's file. Only Pillow's
    JPEG decoder reads them, and only if the header declares few pixels.
    """
    if len(jpeg) > _MAX_BYTES:
        return None
    try:
        with JpegImageFile(io.BytesIO(jpeg)) as opened:
            if opened.width * opened.height > _MAX_PIXELS:
                return None
            picture = opened.convert("RGB")
    except (OSError, SyntaxError, ValueError):  # what Pillow raises for a broken file
        return None
    return _scaled(picture)


def mask(size: tuple[int, int], radius: float) -> Image.Image:
    """Return an antialiased mask of a rectangle with rounded corners."""
    fine = 4
    drawn = Image.new("L", (size[0] * fine, size[1] * fine))
    box = (0, 0, drawn.width - 1, drawn.height - 1)
    ImageDraw.Draw(drawn).rounded_rectangle(box, radius * fine, 255)
    return drawn.resize(size, Image.Resampling.BOX)


def rounded(picture: Image.Image) -> Image.Image:
    """Return the mask of a thumbnail in the strip."""
    return mask(picture.size, _ROUND)


def _scaled(picture: Image.Image) -> Image.Image:
    width = round(HEIGHT * min(_MAX_WIDTH, picture.width / picture.height))
    return ImageOps.fit(picture, (max(HEIGHT // 4, width), HEIGHT))


def _chosen(seconds: Sequence[int], spans: Iterable[Span]) -> int:
    """Return the first second of the longest span that begins among these, or else the first.

    Spans with tags come before empty ones.
    """
    begun = {
        second: (bool(span.tags), span.end - span.start, -second)
        for span in spans
        if span.start >= seconds[0]
        and (second := next((each for each in seconds if span.start <= each < span.end), -1)) >= 0
    }
    return max(begun, key=begun.__getitem__, default=seconds[0])


def _tile(second: int, image: Image.Image, left: int, right: int, x: int) -> Tile:
    """Return a tile that fills its part, or starts near ``x`` if filling would crop too much."""
    width = min(right - left, round(image.width * _MAX_STRETCH))
    return Tile(second, max(left, min(x, right - width)), ImageOps.fit(image, (width, HEIGHT)))
