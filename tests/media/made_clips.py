"""Small clips made for the tests: valid ones with PyAV, invalid ones byte by byte."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

import av
import numpy as np
from av.audio.stream import AudioStream
from av.video.codeccontext import VideoCodecContext
from av.video.stream import VideoStream

from bot.domain.clip import ClipFormat

if TYPE_CHECKING:
    from pathlib import Path

    from av.container import OutputContainer

WIDTH, HEIGHT = 64, 48
SOUND_RATE = 8000
# muxer, video codec, pixel format, audio codec (GIF has none)
WAYS = {
    ClipFormat.MP4: ("mp4", "libx264", "yuv420p", "aac"),
    ClipFormat.MOV: ("mov", "libx264", "yuv420p", "aac"),
    ClipFormat.MKV: ("matroska", "libx264", "yuv420p", "libopus"),
    ClipFormat.WEBM: ("webm", "libvpx", "yuv420p", "libopus"),
    ClipFormat.AVI: ("avi", "mpeg4", "yuv420p", "pcm_s16le"),
    ClipFormat.OGG: ("ogg", "libvpx", "yuv420p", "libopus"),
    ClipFormat.GIF: ("gif", "gif", "rgb8", ""),
}


DEFAULT_DURATION = b"\x23\xe3\x83"  # an element of Matroska, RFC 9559 section 5.1.4.1.13


@dataclass(frozen=True, slots=True)
class Recipe:
    """What to make: pictures per second, when they start, and seconds of sound."""

    format: ClipFormat
    pictures: int = 10
    rate: int = 10
    start: int = 0
    sound: float = 0.0
    options: tuple[tuple[str, str], ...] = ()  # for the muxer


def make_clip(path: Path, recipe: Recipe) -> Path:
    """Write a clip of grey pictures that grow brighter."""
    muxer, codec, pixels, sound_codec = WAYS[recipe.format]
    with av.open(str(path), "w", format=muxer, options=dict(recipe.options)) as container:
        pictures = container.add_stream(codec, rate=recipe.rate) if recipe.pictures else None
        if isinstance(pictures, VideoStream):
            pictures.width, pictures.height, pictures.pix_fmt = WIDTH, HEIGHT, pixels
        if recipe.sound:
            _add_sound(container, sound_codec, recipe.sound)
        if isinstance(pictures, VideoStream):
            _add_pictures(container, pictures, recipe)
    return path


def _add_pictures(container: OutputContainer, track: VideoStream, recipe: Recipe) -> None:
    for number in range(recipe.pictures):
        grey = np.full((HEIGHT, WIDTH, 3), number * 20 % 256, np.uint8)
        frame = av.VideoFrame.from_ndarray(grey, "rgb24").reformat(format=track.pix_fmt)
        frame.pts = recipe.start * recipe.rate + number
        frame.time_base = Fraction(1, recipe.rate)
        container.mux(track.encode(frame))
    container.mux(track.encode(None))


def _add_sound(container: OutputContainer, codec: str, seconds: float) -> None:
    rate = 48_000 if codec == "libopus" else SOUND_RATE
    track = container.add_stream(codec, rate=rate, layout="mono")
    assert isinstance(track, AudioStream)
    silence = np.zeros((1, round(rate * seconds)), np.int16)
    frame = av.AudioFrame.from_ndarray(silence, "s16", "mono")
    frame.rate = rate
    resampler = av.AudioResampler(
        track.format, "mono", rate, track.codec_context.frame_size or 1024
    )
    for part in [*resampler.resample(frame), *resampler.resample(None)]:
        container.mux(track.encode(part))
    container.mux(track.encode(None))


def gif(delays: list[int], *, width: int = 1, height: int = 1, loops: int | None = None) -> bytes:
    """Write a GIF of one-pixel frames by hand; ``delays`` in hundredths of a second, 0 loops: ever.

    https://www.w3.org/Graphics/GIF/spec-gif89a.txt
    """
    head = b"GIF89a" + struct.pack("<HHBBB", width, height, 0x80, 0, 0) + b"\0\0\0\xff\xff\xff"
    if loops is not None:
        head += b"\x21\xff\x0bNETSCAPE2.0\x03\x01" + struct.pack("<H", loops) + b"\0"
    return head + b"".join(_gif_frame(delay) for delay in delays) + b";"


def _gif_frame(delay: int) -> bytes:
    control = b"\x21\xf9\x04\0" + struct.pack("<H", delay) + b"\0\0"
    picture = b"\x2c" + struct.pack("<HHHHB", 0, 0, 1, 1, 0) + b"\x02\x02\x44\x01\0"
    return control + picture


def old_quicktime(mp4: bytes) -> bytes:
    """Replace the first atom (ftyp), as in files from before 2001.

    A free atom of the same length keeps the chunk offsets valid.
    """
    length = int.from_bytes(mp4[:4], "big")
    return mp4[:4] + b"free" + bytes(length - 8) + mp4[length:]


def claim(mp4: bytes, *, duration: int) -> bytes:
    """Set the length that a movie header claims, in its own ticks (ISO 14496-12 section 8.2.2)."""
    start = mp4.index(b"mvhd") + 20
    return mp4[:start] + struct.pack(">I", duration) + mp4[start + 4 :]


def without_picture_length(matroska: bytes) -> bytes:
    """Replace the element with a picture's duration by an unknown element."""
    assert DEFAULT_DURATION in matroska
    return matroska.replace(DEFAULT_DURATION, b"\x23\xe3\x80")


def emptied(path: Path, begin: float, end: float = 99) -> Path:
    """Put zeros in place of the pictures between two times."""
    content = bytearray(path.read_bytes())
    with av.open(str(path)) as opened:
        for packet in opened.demux(video=0):
            if packet.pts is not None and begin <= packet.pts * packet.time_base < end:
                place = content.index(bytes(packet))
                content[place : place + packet.size] = bytes(packet.size)
    path.write_bytes(content)
    return path


def growing_clip(path: Path, *sizes: tuple[int, int]) -> Path:
    """Write an AVI with pictures of these sizes; its header states only the first."""
    with av.open(str(path), "w", format="avi") as container:
        track = container.add_stream("mjpeg", rate=10)
        assert isinstance(track, VideoStream)
        track.width, track.height = sizes[0]
        track.pix_fmt = "yuvj420p"
        for number, (width, height) in enumerate(sizes):
            packet = av.Packet(_jpeg(width, height))
            packet.stream, packet.pts, packet.dts = track, number, number
            packet.time_base = Fraction(1, 10)
            container.mux(packet)
    return path


def _jpeg(width: int, height: int) -> bytes:
    encoder = av.CodecContext.create("mjpeg", "w")
    assert isinstance(encoder, VideoCodecContext)
    encoder.width, encoder.height, encoder.pix_fmt = width, height, "yuvj420p"
    encoder.time_base = Fraction(1, 10)
    frame = av.VideoFrame(width, height, "yuvj420p")
    return b"".join(bytes(p) for p in [*encoder.encode(frame), *encoder.encode(None)])
