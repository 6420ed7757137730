"""Clips with text on the screen, made for the tests."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import av
import numpy as np
from av.video.stream import VideoStream
from PIL import Image, ImageDraw, ImageFont

from bot.render import text_drawing

if TYPE_CHECKING:
    from collections.abc import Sequence

SIZE = WIDTH, HEIGHT = 640, 360
FONT = Path(text_drawing.__file__).parent / "fonts" / "DejaVuSans.ttf"
RATE = 2  # pictures per second


def page(*lines: str, size: int = 40, top: int = 60, colour: str = "#203050") -> Image.Image:
    """Return a picture with white lines of text."""
    picture = Image.new("RGB", SIZE, colour)
    draw, font = ImageDraw.Draw(picture), ImageFont.truetype(FONT, size)
    for number, line in enumerate(lines):
        draw.text((30, top + number * size * 1.5), line, font=font, fill="white")
    return picture


def make_text_clip(path: Path, seconds: Sequence[Image.Image]) -> Path:
    """Write an MP4 file that shows each picture for a second."""
    with av.open(str(path), "w", format="mp4") as container:
        track = container.add_stream("libx264", rate=RATE, options={"preset": "ultrafast"})
        assert isinstance(track, VideoStream)
        track.width, track.height, track.pix_fmt = *seconds[0].size, "yuv420p"
        for number, picture in enumerate(each for each in seconds for _ in range(RATE)):
            pixels = np.asarray(picture)
            frame = av.VideoFrame.from_ndarray(pixels, "rgb24").reformat(format="yuv420p")
            frame.pts, frame.time_base = number, Fraction(1, RATE)
            container.mux(track.encode(frame))
        container.mux(track.encode(None))
    return path
