"""A clip to sample, opened as often as there are decoders for it.

Import this only in a sandboxed child (it uses PyAV).
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bot.media.decode.container import open_clip, picture_bytes, picture_track
from bot.media.decode.parallel import available_cores
from bot.media.decode.scaling import FrameScaler

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from av.container import InputContainer
    from av.video.stream import VideoStream

    from bot.domain.clip import ClipFormat
    from bot.media.decode.scaling import Picture, View

# Each decoder keeps up to sixteen decoded pictures, and each thread of one decoder its own.
MAX_PARALLEL_BYTES = 4_000_000
"""The largest picture of which two decoders may work at once, each with one thread."""
MAX_THREADED_BYTES = 16_000_000
"""The largest picture that several threads may decode; 4K with 8 bits is below this."""


@dataclass(frozen=True, slots=True)
class SampledFrame:
    """The picture that represents a second.

    ``time`` is when that picture appears, in milliseconds from the clip's start. ``pictures`` has
    one array for each requested view: upright RGB, uint8, shape (height, width, 3), or grey.
    """

    second: int
    time: int
    pictures: tuple[Picture, ...]


@dataclass(frozen=True, slots=True)
class Source:
    """A file and the views wanted of its frames."""

    path: Path
    format: ClipFormat
    views: Sequence[View]

    @contextmanager
    def opened(self) -> Iterator[tuple[InputContainer, VideoStream, FrameScaler]]:
        """Open the file at its beginning."""
        with open_clip(self.path, self.format) as container:
            track = picture_track(container)
            width = track.width * float(track.sample_aspect_ratio or 1)
            yield container, track, FrameScaler(self.views, width, track.height)


def sampled(second: int, time: int, pictures: tuple[Picture, ...]) -> SampledFrame:
    """Return a frame; a first picture that appears after its second counts as if it were there."""
    return SampledFrame(second, min(time, second * 1000 + 999), pictures)


def decoder_threads(track: VideoStream) -> int:
    """Return how many threads may decode a track: one, if its pictures are very large."""
    return 1 if picture_bytes(track) > MAX_THREADED_BYTES else available_cores()


def set_threads(track: VideoStream, number: int) -> None:
    """Let so many threads decode a track, which must not be decoding yet."""
    track.thread_type = "AUTO"
    track.thread_count = number
