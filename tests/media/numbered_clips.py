"""Clips that show the number of each second, as black and white bars that survive encoding."""

from __future__ import annotations

import io
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import av
import numpy as np

from tests.media.made_clips import WAYS

if TYPE_CHECKING:
    from pathlib import Path

    from bot.domain.clip import ClipFormat

BITS = 12
WIDTH, HEIGHT = 8 * BITS, 32


def picture_of(number: int) -> Any:
    """Draw a number as one bar per bit, the highest first."""
    bits = [255 * (number >> bit & 1) for bit in reversed(range(BITS))]
    return np.repeat(np.array(bits, np.uint8), WIDTH // BITS)[None, :, None].repeat(HEIGHT, 0)


def number_in(picture: Any) -> int:
    """Read the number in a picture of any size."""
    middle = np.asarray(picture[picture.shape[0] // 2], float).mean(axis=-1)
    bars = np.array_split(middle, BITS)
    return sum(
        (bar.mean() > 127) << bit for bit, bar in zip(reversed(range(BITS)), bars, strict=True)
    )


def numbered_clip(path: Path, clip_format: ClipFormat, seconds: int, rate: int = 1) -> Path:
    """Write a clip that shows the number of each second."""
    muxer, codec, pixels, _ = WAYS[clip_format]
    with av.open(str(path), "w", format=muxer) as container:
        track: Any = container.add_stream(codec, rate=rate)
        track.width, track.height, track.pix_fmt = WIDTH, HEIGHT, pixels
        for number in range(seconds * rate):
            drawn = picture_of(number // rate).repeat(3, 2)
            frame = av.VideoFrame.from_ndarray(drawn, "rgb24").reformat(format=pixels)
            frame.pts, frame.time_base = number, Fraction(1, rate)
            container.mux(track.encode(frame))
        container.mux(track.encode(None))
    return path


def numbers_shown(content: bytes, moments: list[int]) -> list[int]:
    """Read the number shown at each moment (milliseconds); past the end, the last one."""
    with av.open(io.BytesIO(content), "r") as container:
        shown = [
            (round((frame.time or 0) * 1000), number_in(frame.to_ndarray(format="rgb24")))
            for frame in container.decode(video=0)
        ]
    return [max(pair for pair in shown if pair[0] <= moment)[1] for moment in moments]


def length_of(content: bytes) -> int:
    """Return how many milliseconds a clip plays."""
    with av.open(io.BytesIO(content), "r") as container:
        return round((container.duration or 0) / 1000)
