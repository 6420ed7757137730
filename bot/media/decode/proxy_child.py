"""Making a proxy's parts; runs in a sandboxed child alone."""

from __future__ import annotations

import base64
import io
from fractions import Fraction
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import av
import numpy as np

from bot.domain.clip import ClipFormat
from bot.errors import DiskFull
from bot.media.decode.sampling import sample
from bot.media.decode.scaling import View
from bot.media.scratch_dir import reporting_full_disk

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from av.container import OutputContainer
    from av.video.stream import VideoStream

    from bot.media.decode.scaling import Picture

_LONGER_SIDE = 512  # pixels; image models look at 224 to 448
_MAX_PICTURE_BYTES = 40_000  # bytes
_SHARE = 0.9  # of the bytes a part may have; the rest is for the container and the encoder's aim
_BUFFERED = 2  # pictures that may take more than their share before others take less
# H.264 is what everybody reads. FFmpeg's own MPEG-4 encoder is in every build of it, x264 is not.
_OPTIONS = {
    "libx264": {"preset": "veryfast", "crf": "23"},
    "mpeg4": {"qmin": "3", "qmax": "31"},
}


def make(request: dict[str, Any], report: Callable[[Any], None]) -> str:
    """Write the clip at ``path`` as the parts ``into/0.mp4``, ``into/1.mp4`` and so on.

    Each has so many ``pictures``, of every ``step``-th second. Reports how many are made, and
    returns "made", or "full" where the disk has no room.
    """
    sampled = sample(
        Path(request["path"]),
        ClipFormat(request["format"]),
        seconds=request["seconds"],
        views=(View(_LONGER_SIDE, whole=True),),
        step=request["step"],
    )
    pictures = _told((frame.pictures[0] for frame in sampled), report)
    into = Path(request["into"])
    for number, count in enumerate(request["pictures"]):
        rate = min(_MAX_PICTURE_BYTES, round(request["most_bytes"] * _SHARE / (count + _BUFFERED)))
        film = encode(islice(pictures, count), rate)
        try:
            with reporting_full_disk(into):
                (into / f"{number}.mp4").write_bytes(film)
        except DiskFull:
            return "full"
    return "made"


def thumbnails(request: dict[str, Any], _report: Callable[[Any], None]) -> list[list[Any]]:
    """Return ``[second, JPEG in base64]`` of the ``parts``: each its path and the pictures wanted.

    Those are pairs: a picture's place in the part, and the clip's second it shows.
    """
    from bot.media.decode.thumbnails import VIEW, jpeg  # noqa: PLC0415 - Pillow is for this alone

    found = []
    for path, wanted in request["parts"]:
        seconds = dict(wanted)
        shown = sample(
            Path(path), ClipFormat.MP4, seconds=max(seconds, default=-1) + 1, views=(VIEW,)
        )
        for frame in shown if seconds else ():
            if frame.second in seconds:
                written = base64.b64encode(jpeg(frame.pictures[0])).decode()
                found.append([seconds[frame.second], written])
    return found


def encode(pictures: Iterator[Picture], rate: int, codec: str | None = None) -> bytes:
    """Return an MP4 file that shows each picture for a second, ``rate`` bytes each at most."""
    codec = codec or next(name for name in _OPTIONS if name in av.codecs_available)
    first = next(pictures)
    film = io.BytesIO()
    with av.open(film, "w", format="mp4") as container:
        track = _add_track(container, codec, first, rate)
        for second, picture in enumerate(chain([first], pictures)):
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), "rgb24")
            # a clip may change its size on the way, its proxy may not
            frame = frame.reformat(track.width, track.height, track.pix_fmt)
            frame.pts, frame.time_base = second, Fraction(1)
            container.mux(track.encode(frame))
        container.mux(track.encode(None))
    return film.getvalue()


def _add_track(container: OutputContainer, codec: str, picture: Picture, rate: int) -> VideoStream:
    """Begin a track of a picture a second, each shown when it is sent: none refers to a later one.

    Whoever jumps into it is never more than ten pictures from one that stands alone.
    """
    bits = str(rate * 8)
    options = {"b": bits} if codec == "mpeg4" else {}
    options |= {"maxrate": bits, "bufsize": str(rate * 8 * _BUFFERED), "bf": "0", "g": "10"}
    track: Any = container.add_stream(codec, rate=1, options=options | _OPTIONS[codec])
    height, width, _ = picture.shape
    track.width, track.height, track.pix_fmt = _even(width), _even(height), "yuv420p"
    track.codec_context.thread_count = 1
    made: VideoStream = track
    return made


def _even(side: int) -> int:
    """Return a side that halves, as colour is kept at half the size; encoders want 16 at least."""
    return max(16, side // 2 * 2)


def _told(pictures: Iterator[Picture], report: Callable[[Any], None]) -> Iterator[Picture]:
    for number, picture in enumerate(pictures, 1):
        report(number)
        yield picture
