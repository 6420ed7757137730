"""Making clips of pictures as people post them: cropped, scaled and compressed, with captions."""

from __future__ import annotations

from fractions import Fraction
from textwrap import fill
from typing import TYPE_CHECKING

import av
from av.video.stream import VideoStream
from PIL import Image, ImageDraw, ImageFont, ImageOps

if TYPE_CHECKING:
    import random
    from collections.abc import Iterator, Sequence
    from pathlib import Path

SIZES = ((1280, 720), (854, 480), (640, 360), (426, 240), (640, 480), (480, 854), (720, 720))
QUALITIES = (20, 23, 26, 28, 31, 34)  # constant rate factors of H.264
ZOOM = 0.72
WORDS = ("when", "you", "the", "cat", "monday", "boss", "me", "trying", "to", "explain", "why")


def write_clip(path: Path, pictures: Sequence[Image.Image], quality: int) -> None:
    """Write an MP4 with a picture for each second; all have the same size."""
    with av.open(str(path), "w") as container:
        track = container.add_stream("libx264", rate=2, options={"crf": str(quality)})
        if not isinstance(track, VideoStream):
            raise TypeError("libx264 encodes no pictures")
        track.width, track.height = (side - side % 2 for side in pictures[0].size)
        track.pix_fmt = "yuv420p"
        for number, picture in enumerate(each for each in pictures for _ in range(2)):
            frame = av.VideoFrame.from_image(picture)  # type: ignore[no-untyped-call]  # PyAV's
            frame.pts, frame.time_base = number, Fraction(1, 2)
            container.mux(track.encode(frame))
        container.mux(track.encode(None))


def fitted(pictures: Sequence[Image.Image], chance: random.Random) -> list[Image.Image]:
    """Scale pictures to a size that clips have: their own shape, or cropped to another."""
    width, height = pictures[0].size
    own = (480 * width // height, 480) if width > height else (480, 480 * height // width)
    size = chance.choice((own, own, *SIZES))
    return [ImageOps.fit(each, size) for each in pictures]


def filmed(
    picture: Image.Image, chance: random.Random, size: tuple[int, int], count: int
) -> Iterator[Image.Image]:
    """Yield what a moving camera sees of a photograph."""
    large = ImageOps.fit(picture, (size[0] * 5 // 4, size[1] * 5 // 4))
    ends = [(chance.uniform(ZOOM, 1), chance.random(), chance.random()) for _ in range(2)]
    for number in range(count):
        zoom, x, y = (a + (b - a) * number / count for a, b in zip(*ends, strict=True))
        width, height = large.width * zoom, large.height * zoom
        left, top = (large.width - width) * x, (large.height - height) * y
        yield large.resize(size, box=(left, top, left + width, top + height))


def captioned(picture: Image.Image, chance: random.Random, font: Path) -> Image.Image:
    """Write large captions on a photograph, or a sentence above it."""
    size = max(14, int(min(picture.size) * chance.uniform(0.085, 0.14)))
    letters = ImageFont.truetype(font, size)
    width = max(6, 9 * picture.width // (7 * size))  # in letters
    above, below = (
        fill(" ".join(chance.choices(WORDS, k=chance.randrange(2, 8))), width) for _ in range(2)
    )
    if chance.choice((True, False)):
        return _with_bar(picture, above, letters, size)
    shown = picture.copy()
    pencil = ImageDraw.Draw(shown)
    for text, y, anchor in ((above, 0, "ma"), (below, picture.height, "md")):
        pencil.text(
            (picture.width / 2, y),
            text.upper(),
            "white",
            letters,
            anchor,
            stroke_width=max(1, size // 14),
            stroke_fill="black",
        )
    return shown


def _with_bar(
    picture: Image.Image, text: str, letters: ImageFont.FreeTypeFont, size: int
) -> Image.Image:
    shown = Image.new("RGB", picture.size, "white")
    bar = (text.count("\n") + 2) * size
    shown.paste(
        ImageOps.contain(picture, (picture.width, max(size, picture.height - bar))), (0, bar)
    )
    ImageDraw.Draw(shown).text((size / 2, size / 2), text, "black", letters)
    return shown
