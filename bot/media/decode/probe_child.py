"""What a clip is and how long it lasts; runs in a sandboxed child alone."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bot.domain.clip import FORMAT_NAMES, ClipFormat
from bot.errors import Damaged, NotFound, TooLong, UnsupportedFormat
from bot.media.decode import formats
from bot.media.decode.container import open_clip, picture_track

if TYPE_CHECKING:
    from collections.abc import Callable

    from av.container import InputContainer
    from av.video.stream import VideoStream


def probe(request: dict[str, Any], _report: Callable[[Any], None]) -> dict[str, Any]:
    """Look at the clip at ``path``, of at most ``longest`` milliseconds and so many ``packets``.

    Returns ``format``, ``duration`` (milliseconds), ``width`` and ``height`` (pixels).
    """
    path = Path(request["path"])
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


def _duration(container: InputContainer, track: VideoStream, most: dict[str, Any]) -> int:
    """Return the milliseconds from the first picture's start to the last one's end.

    Every packet is looked at, as headers may claim anything; no further than there may be, though.

    Raises ``TooLong`` and ``Damaged``.
    """
    span = _Span(track.time_base or Fraction(1, 1000))
    # a Matroska file need not say how long a picture lasts
    usual = round(1 / (track.guessed_rate * span.tick)) if track.guessed_rate else 0
    for number, packet in enumerate(container.demux(track)):
        if packet.is_corrupt or number >= most["packets"]:
            raise Damaged(detail=f"packet {number} is cut off, or one too many")
        moment = packet.dts if packet.pts is None else packet.pts
        if moment is None or packet.is_discard:  # the mark of the end; what an edit list cut out
            continue
        span.add(moment, packet.duration or usual)
        if span.milliseconds > most["longest"]:
            raise TooLong(span.milliseconds, most["longest"], at_least=True)
    if span.first is None:
        raise Damaged(detail="a picture track without a picture")
    return span.milliseconds


@dataclass(slots=True)
class _Span:
    """The stretch of time some packets cover, in a track's own ticks (seconds each)."""

    tick: Fraction
    first: int | None = None
    last: int = 0

    def add(self, moment: int, duration: int) -> None:
        """Stretch to a packet; with B-frames they don't come in order of time."""
        end = moment + max(0, duration)
        if self.first is None:
            self.first, self.last = moment, end
        else:
            self.first, self.last = min(self.first, moment), max(self.last, end)

    @property
    def milliseconds(self) -> int:
        """Whole milliseconds; plain integers, as this is asked for every packet."""
        ticks = self.last - (self.first or 0)
        return ticks * 1000 * self.tick.numerator // self.tick.denominator
