"""Clips in which every picture differs from the one before, in any encoding."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from typing import TYPE_CHECKING

import av
import numpy as np
from av.video.stream import VideoStream

from bot.domain.clip import ClipFormat

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    import numpy.typing as npt
    from av.packet import Packet

WIDTH, HEIGHT = 96, 64
TICK = Fraction(1, 1000)


@dataclass(frozen=True, slots=True)
class Way:
    """How to encode a clip; ``times`` are when pictures appear, in milliseconds."""

    format: ClipFormat
    codec: str
    options: tuple[tuple[str, str], ...] = ()
    pixels: str = "yuv420p"
    muxing: tuple[tuple[str, str], ...] = ()
    times: Sequence[int] = range(0, 5000, 40)


def moving_clip(path: Path, way: Way) -> Path:
    """Write a clip that pans over noise, with a flashing number in a corner."""
    muxer = {ClipFormat.MKV: "matroska"}.get(way.format, way.format.value)
    with av.open(str(path), "w", format=muxer, options=dict(way.muxing)) as container:
        track = container.add_stream(way.codec, rate=25, options=dict(way.options))
        assert isinstance(track, VideoStream)
        track.width, track.height, track.pix_fmt = WIDTH, HEIGHT, way.pixels
        track.bit_rate = 400_000
        if way.codec not in {"mpeg2video", "mpeg4"}:  # which support only constant rates
            track.codec_context.time_base = TICK
        for number, time in enumerate(way.times):
            frame = av.VideoFrame.from_ndarray(_picture(number), "rgb24").reformat(
                format=way.pixels
            )
            frame.pts, frame.time_base = time, TICK
            container.mux(track.encode(frame))
        container.mux(track.encode(None))
    return path


def remuxed(source: Path, target: Path, change: Callable[[int, Packet[VideoStream]], bool]) -> Path:
    """Write a clip's packets as Matroska, leaving out those that ``change`` rejects."""
    with av.open(str(source)) as old, av.open(str(target), "w", format="matroska") as new:
        track = old.streams.video[0]
        copy = new.add_stream_from_template(track)
        for number, packet in enumerate(old.demux(track)):
            if packet.size and change(number, packet):
                packet.stream = copy
                new.mux(packet)
    return target


@cache
def _landscape() -> npt.NDArray[np.uint8]:
    noise = np.random.default_rng(3).integers(0, 256, (HEIGHT // 4, WIDTH // 2, 3), dtype=np.uint8)
    return noise.repeat(8, axis=0).repeat(8, axis=1)


def _picture(number: int) -> npt.NDArray[np.uint8]:
    top, left = number // 3 % HEIGHT, number * 2 % (WIDTH * 3)
    picture = _landscape()[top : top + HEIGHT, left : left + WIDTH].copy()
    picture[:8, :8], picture[8:16, :8] = number * 37 % 256, number * 11 % 256
    return picture
