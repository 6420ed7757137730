"""The tasks that make a proxy's parts and thumbnails. Runs only in a sandboxed child."""

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
from bot.media.decode.thumbnails import VIEW, jpeg
from bot.media.scratch_dir import reporting_full_disk

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from av.container import OutputContainer
    from av.video.stream import VideoStream

    from bot.media.decode.scaling import Picture
    from bot.media.decode.source import SampledFrame

_LONGER_SIDE = 512  # pixels; image models look at 224 to 448
_MAX_PICTURE_BYTES = 40_000  # bytes
_TARGET_SHARE = 0.9  # of a part's bytes; the rest is for the container and for inexact rate control
_BUFFERED = 2  # pictures that may exceed their share before later ones get less
# Everything reads H.264. Every FFmpeg build has its own MPEG-4 encoder, but not every one has x264.
_OPTIONS = {
    "libx264": {"preset": "veryfast", "crf": "23"},
    "mpeg4": {"qmin": "3", "qmax": "31"},
}


def make(request: dict[str, Any], report: Callable[[Any], None]) -> list[int] | str:
    """Write the clip in ``files`` as parts ``0.mp4``, ``1.mp4`` and so on in the working folder.

    ``pictures`` has the number of pictures of each part; they show every ``step``-th second.
    Reports the number of pictures made so far. A second that can't be read shows the picture before
    it. Returns the numbers of the pictures for such seconds, or "full" if the disk is full.
    """
    sampled = sample(
        Path(request["files"][0]),
        ClipFormat(request["format"]),
        seconds=request["seconds"],
        views=(View(_LONGER_SIDE, whole=True),),
        step=request["step"],
    )
    unreadable: list[int] = []
    every = _without_gaps(sampled, range(0, request["seconds"], request["step"]), unreadable)
    pictures = _with_progress(every, report)
    into = Path.cwd()
    for number, count in enumerate(request["pictures"]):
        rate = min(
            _MAX_PICTURE_BYTES, round(request["max_bytes"] * _TARGET_SHARE / (count + _BUFFERED))
        )
        video = encode(islice(pictures, count), rate)
        try:
            # The file is there already: a child can make none.
            with reporting_full_disk(into), (into / f"{number}.mp4").open("r+b") as part:
                part.write(video)
        except DiskFull:
            return "full"
    return unreadable


def thumbnails(request: dict[str, Any], _report: Callable[[Any], None]) -> list[list[Any]]:
    """Return ``[second, JPEG in base64]`` for pictures of the parts in ``files``.

    ``wanted`` lists the pictures of each part as pairs: a picture's position in the part, and the
    second of the clip that it shows.
    """
    jpegs = []
    for path, wanted in zip(request["files"], request["wanted"], strict=True):
        seconds = dict(wanted)
        shown = sample(
            Path(path), ClipFormat.MP4, seconds=max(seconds, default=-1) + 1, views=(VIEW,)
        )
        for frame in shown if seconds else ():
            if frame.second in seconds:
                encoded = base64.b64encode(jpeg(frame.pictures[0])).decode()
                jpegs.append([seconds[frame.second], encoded])
    return jpegs


def encode(pictures: Iterator[Picture], rate: int, codec: str | None = None) -> bytes:
    """Return an MP4 file that shows each picture for one second, at most ``rate`` bytes each."""
    codec = codec or next(name for name in _OPTIONS if name in av.codecs_available)
    first = next(pictures)
    video = io.BytesIO()
    with av.open(video, "w", format="mp4") as container:
        track = _add_track(container, codec, first, rate)
        for second, picture in enumerate(chain([first], pictures)):
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), "rgb24")
            # A clip may change its picture size midway; a proxy may not.
            frame = frame.reformat(track.width, track.height, track.pix_fmt)
            frame.pts, frame.time_base = second, Fraction(1)
            container.mux(track.encode(frame))
        container.mux(track.encode(None))
    return video.getvalue()


def _add_track(container: OutputContainer, codec: str, picture: Picture, rate: int) -> VideoStream:
    """Add a track of one picture a second, without B-frames and with frequent keyframes.

    So pictures are decoded in the order they are shown, and seeking never decodes more than ten.
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
    """Round a side to an even number, as 4:2:0 colour needs; encoders need at least 16."""
    return max(16, side // 2 * 2)


def _without_gaps(
    sampled: Iterator[SampledFrame], seconds: Iterable[int], unreadable: list[int]
) -> Iterator[Picture]:
    """Yield a picture for every second; add the numbers of those that are not their own."""
    picture = None
    waiting = next(sampled)
    for number, second in enumerate(seconds):
        if waiting.second == second:
            picture = waiting.pictures[0]
            waiting = next(sampled, waiting)
        else:
            unreadable.append(number)
        yield waiting.pictures[0] if picture is None else picture


def _with_progress(pictures: Iterator[Picture], report: Callable[[Any], None]) -> Iterator[Picture]:
    for number, picture in enumerate(pictures, 1):
        report(number)
        yield picture
