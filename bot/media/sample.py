"""One picture a second of a clip. Imports PyAV: for code that runs in a sandboxed child alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from av.video.reformatter import Interpolation

from bot.errors import Damaged
from bot.media.container import open_clip, picture_track

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import numpy.typing as npt
    from av.container import InputContainer
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

    from bot.domain.clip import ClipFormat

    Picture = npt.NDArray[np.uint8]


# A strip longer than this is squeezed: whole, it would cost memory, and the model sees its middle.
_LONGEST_BY_SHORTEST = 4


@dataclass(frozen=True, slots=True)
class SampledFrame:
    """The picture that stands for a second.

    ``time`` is when that picture begins, in milliseconds from the clip's start; ``picture`` is RGB
    of shape (height, width, 3), upright, its shorter side as long as asked.
    """

    second: int
    time: int
    picture: Picture


def sample(
    path: Path, clip_format: ClipFormat, *, seconds: int, shorter_side: int
) -> Iterator[SampledFrame]:
    """Yield the picture on screen in the middle of every second, in order.

    A picture that stays on screen serves every second it covers; past the last one the last stays.
    Raises ``Damaged`` where no picture can be decoded, or the file breaks off.
    """
    with open_clip(path, clip_format) as container:
        track = picture_track(container)
        wanted = _Wanted(seconds, shorter_side, float(track.sample_aspect_ratio or 1))
        shown: _Shown | None = None
        for upcoming in _pictures(container, track):
            if shown is not None:
                yield from wanted.until(upcoming.time, shown)
            shown = upcoming
            if wanted.done:
                return
        if shown is None:
            raise Damaged(detail="not one picture could be decoded")
        yield from wanted.until(None, shown)


@dataclass(frozen=True, slots=True)
class _Shown:
    """A decoded frame, and when it goes on screen, in milliseconds from the clip's start."""

    time: int
    frame: VideoFrame


@dataclass(slots=True)
class _Wanted:
    """The seconds that still want a picture, and how they want it.

    ``pixel_aspect`` is a pixel's width by its height as shown on screen.
    """

    seconds: int
    shorter_side: int
    pixel_aspect: float
    next: int = 0

    @property
    def done(self) -> bool:
        return self.next >= self.seconds

    def until(self, end: int | None, shown: _Shown) -> Iterator[SampledFrame]:
        """Serve the seconds whose middle lies before ``end``, or all that are left."""
        while not self.done and (end is None or self.next * 1000 + 500 < end):
            picture = _scaled(shown.frame, self.shorter_side, self.pixel_aspect)
            # A short last second may end before its middle; its picture still belongs to it.
            yield SampledFrame(self.next, shown.time, picture)
            self.next += 1


def _pictures(container: InputContainer, track: VideoStream) -> Iterator[_Shown]:
    """Decode every picture, in the order they are shown, with times from the first one's."""
    track.thread_type = "AUTO"
    start: float | None = None
    for packet in container.demux(track):
        if packet.size == 0 and packet.dts is not None:
            continue  # Theora repeats a picture by an empty packet, which can't be decoded
        for frame in packet.decode():
            if frame.pts is None:
                continue
            start = frame.time if start is None else start
            yield _Shown(max(0, round((frame.time - start) * 1000)), frame)


def _scaled(frame: VideoFrame, shorter_side: int, pixel_aspect: float) -> Picture:
    """Scale with libswscale straight to the size asked, then turn the picture upright."""
    shown_width = frame.width * pixel_aspect
    factor = shorter_side / min(shown_width, frame.height)
    longest = shorter_side * _LONGEST_BY_SHORTEST
    scaled = frame.reformat(
        width=min(longest, max(shorter_side, round(shown_width * factor))),
        height=min(longest, max(shorter_side, round(frame.height * factor))),
        format="rgb24",
        interpolation=Interpolation.BICUBIC,
    )
    picture: Any = scaled.to_ndarray()
    return np.rot90(picture, k=frame.rotation // 90) if frame.rotation else picture
