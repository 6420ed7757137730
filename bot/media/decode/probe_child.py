"""The probe task: a clip's container, length and size. Runs only in a sandboxed child."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bot.domain.clip import FORMAT_NAMES, ClipFormat
from bot.errors import Damaged, NotFound, TooLong, UnsupportedFormat
from bot.media.decode import formats
from bot.media.decode.container import load_everything, open_clip, picture_track

if TYPE_CHECKING:
    from collections.abc import Callable

    from av.container import InputContainer
    from av.video.stream import VideoStream

__all__ = ["load_everything", "probe"]


def probe(request: dict[str, Any], _report: Callable[[Any], None]) -> dict[str, Any]:
    """Probe the clip in ``files``, which may have ``longest`` milliseconds and ``packets`` packets.

    Returns ``format``, ``duration`` (milliseconds), ``width`` and ``height`` (pixels).
    """
    path = Path(request["files"][0])
    clip_format = _format(path)
    with open_clip(path, clip_format) as container:
        track = picture_track(container)
        return {
            "format": clip_format,
            "duration": max(1, _duration(container, track, request)),
            "width": track.codec_context.width,
            "height": track.codec_context.height,
        }


def _format(path: Path) -> ClipFormat:
    try:
        with path.open("rb") as file:
            head = file.read(formats.HEAD)
    except OSError as error:
        raise NotFound(detail=str(error.strerror)) from error
    found = formats.detect(head)
    if found is None:
        raise UnsupportedFormat(format=formats.describe(head), formats=FORMAT_NAMES)
    return found


def _duration(container: InputContainer, track: VideoStream, limits: dict[str, Any]) -> int:
    """Return the milliseconds from the first picture's start to the last one's end.

    Headers may claim anything, so this reads every packet, up to the limits.

    Raises ``TooLong`` and ``Damaged``.
    """
    span = _Span(track.time_base or Fraction(1, 1000))
    # A Matroska file need not say how long each picture lasts.
    default = round(1 / (track.guessed_rate * span.tick)) if track.guessed_rate else 0
    for number, packet in enumerate(container.demux(track)):
        if packet.is_corrupt or number >= limits["packets"]:
            raise Damaged(detail=f"packet {number} is truncated or over the packet limit")
        moment = packet.dts if packet.pts is None else packet.pts
        if moment is None or packet.is_discard:  # the end marker; pictures cut by an edit list
            continue
        span.add(moment, packet.duration or default)
        if span.milliseconds > limits["longest"]:
            raise TooLong.of(span.milliseconds, limits["longest"], at_least=True)
    if span.first is None:
        raise Damaged(detail="the video track has no picture")
    return span.milliseconds


@dataclass(slots=True)
class _Span:
    """The time that packets cover, in the track's ticks of ``tick`` seconds each."""

    tick: Fraction
    first: int | None = None
    last: int = 0

    def add(self, moment: int, duration: int) -> None:
        """Extend the span to a packet; with B-frames, packets are not in time order."""
        end = moment + max(0, duration)
        if self.first is None:
            self.first, self.last = moment, end
        else:
            self.first, self.last = min(self.first, moment), max(self.last, end)

    @property
    def milliseconds(self) -> int:
        """The span in whole milliseconds; integers only, as it is read for every packet."""
        ticks = self.last - (self.first or 0)
        return ticks * 1000 * self.tick.numerator // self.tick.denominator
