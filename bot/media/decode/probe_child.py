"""The probe task: a clip's container, length and size. Runs only in a sandboxed child."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bot.domain.clip import FORMAT_NAMES, ClipFormat
from bot.errors import Damaged, NotFound, TooLargePicture, TooLong, UnsupportedFormat
from bot.media.decode import formats
from bot.media.decode.animation import ANIMATIONS, measure
from bot.media.decode.container import load_everything, open_clip, picture_track
from bot.media.decode.packets import all_packets, clip_start, milliseconds, tick_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from av.container import InputContainer
    from av.video.stream import VideoStream

    from bot.media.decode.packets import AnyPacket

__all__ = ["load_everything", "probe"]

# Sound that goes on this much longer than the pictures counts: players show the last one until
# it ends. Nearly every clip's sound ends some milliseconds later.
_SOUND_ALONE = 1000  # milliseconds


def probe(request: dict[str, Any], _report: Callable[[Any], None]) -> dict[str, Any]:
    """Probe the clip in ``files``, which may have ``longest`` milliseconds and ``packets`` packets.

    Returns ``format``, ``duration`` (milliseconds), ``width`` and ``height`` (pixels).
    """
    path = Path(request["files"][0])
    head = _read_head(path)
    clip_format = _format(head)
    if clip_format in ANIMATIONS:
        return _probe_animation(path, clip_format, head, request)
    with open_clip(path, clip_format) as container:
        track = picture_track(container)
        return {
            "format": clip_format,
            "duration": max(1, _duration(container, track, request)),
            "width": track.codec_context.width,
            "height": track.codec_context.height,
        }


def _probe_animation(
    path: Path, clip_format: ClipFormat, head: bytes, limits: dict[str, Any]
) -> dict[str, Any]:
    found = measure(path, clip_format, longest=limits["longest"], most=limits["packets"])
    if found.pictures == 1:
        raise UnsupportedFormat(format=formats.describe(head), formats=FORMAT_NAMES)
    return {
        "format": clip_format,
        "duration": found.duration,
        "width": found.width,
        "height": found.height,
    }


def _read_head(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(formats.HEAD)
    except OSError as error:
        raise NotFound(detail=str(error.strerror)) from error


def _format(head: bytes) -> ClipFormat:
    found = formats.detect(head)
    if found is None:
        raise UnsupportedFormat(format=formats.describe(head), formats=FORMAT_NAMES)
    return found


def _duration(container: InputContainer, track: VideoStream, limits: dict[str, Any]) -> int:
    """Return the milliseconds from the clip's start to the end of its last picture or sound.

    Headers may claim anything, so this reads every packet, up to the limits.

    Raises ``TooLong``, ``TooLargePicture``, ``Protected`` and ``Damaged``.
    """
    tick, rate = tick_of(track), track.guessed_rate
    # A Matroska file need not say how long each picture lasts.
    pictures = _Span(tick, round(1 / (rate * tick)) if rate else 0)
    sound = {each.index: _Span(each.time_base or Fraction(1)) for each in container.streams.audio}
    for packet in all_packets(container, track, *container.streams.audio):
        if packet.is_corrupt or packet.is_discard:  # cut off, or cut out by an edit list
            continue
        sound.get(packet.stream.index, pictures).add(packet)
        if pictures.packets > limits["packets"]:
            raise TooLargePicture(reason="pictures", detail=f"over {limits['packets']} packets")
        _check_length(pictures.milliseconds(pictures.first or 0), limits)
    if pictures.first is None:
        raise Damaged(detail="the video track has no picture")
    start = clip_start(container, track, pictures.first)
    duration = pictures.milliseconds(start)
    offset = milliseconds(start, pictures.tick)
    heard = max((each.milliseconds(0) - offset for each in sound.values()), default=0)
    if heard >= duration + _SOUND_ALONE:
        duration = heard
    _check_length(duration, limits)
    return duration


def _check_length(duration: int, limits: dict[str, Any]) -> None:
    if duration > limits["longest"]:
        raise TooLong.of(duration, limits["longest"], at_least=True)


@dataclass(slots=True)
class _Span:
    """The time that a track's packets cover, in ticks of ``tick`` seconds each."""

    tick: Fraction
    default_duration: int = 0
    packets: int = 0
    first: int | None = None
    last: int = 0

    def add(self, packet: AnyPacket) -> None:
        """Extend the span to a packet; with B-frames, packets are not in time order."""
        moment = packet.dts if packet.pts is None else packet.pts
        if moment is None:  # the end marker
            return
        self.packets += 1
        end = moment + max(0, packet.duration or self.default_duration)
        if self.first is None:
            self.first, self.last = moment, end
        else:
            self.first, self.last = min(self.first, moment), max(self.last, end)

    def milliseconds(self, since: int) -> int:
        """Return the whole milliseconds from ``since`` to the end, with integers only."""
        return (self.last - since) * 1000 * self.tick.numerator // self.tick.denominator
