"""One picture a second of a clip. Imports PyAV: for code that runs in a sandboxed child alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bot.errors import Damaged
from bot.media.container import open_clip, picture_track
from bot.media.pictures import Painter

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from av.container import InputContainer
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

    from bot.domain.clip import ClipFormat
    from bot.media.pictures import Picture, View


@dataclass(frozen=True, slots=True)
class SampledFrame:
    """The picture that stands for a second.

    ``time`` is when that picture begins, in milliseconds from the clip's start; ``pictures`` has
    one for each view asked for, RGB of shape (height, width, 3), upright.
    """

    second: int
    time: int
    pictures: tuple[Picture, ...]


def sample(
    path: Path, clip_format: ClipFormat, *, seconds: int, views: Sequence[View], step: int = 1
) -> Iterator[SampledFrame]:
    """Yield the picture on screen in the middle of every second, in order.

    With a ``step`` it is every so many seconds: 0, step, twice the step and so on. A picture that
    stays on screen serves every second it covers; past the last one the last stays. Raises
    ``Damaged`` where no picture can be decoded, or the file breaks off.
    """
    with open_clip(path, clip_format) as container:
        track = picture_track(container)
        painter = Painter(views, float(track.sample_aspect_ratio or 1))
        wanted = _Wanted(seconds, step, painter)
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
    """The seconds that still want a picture, and who makes it."""

    seconds: int
    step: int
    painter: Painter
    next: int = 0

    @property
    def done(self) -> bool:
        return self.next >= self.seconds

    def until(self, end: int | None, shown: _Shown) -> Iterator[SampledFrame]:
        """Serve the seconds whose middle lies before ``end``, or all that are left."""
        while not self.done and (end is None or self.next * 1000 + 500 < end):
            # A short last second may end before its middle; its picture still belongs to it.
            yield SampledFrame(self.next, shown.time, self.painter.paint(shown.frame))
            self.next += self.step


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
