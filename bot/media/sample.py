"""One picture a second of a clip. Imports PyAV: for code that runs in a sandboxed child alone.

Decoding is what tagging a clip costs, so most of it is left out. A first look at the packets
(``bot.media.survey``) tells which pictures are enough (``bot.media.plan``); the decoder is given
what those stand on and nothing else. Packets may lie. Whatever comes out otherwise than they said
has the rest of the clip decoded whole, which no packet's word is needed for.

The loop filter runs for every picture: without it decoding is a sixth quicker, but the blur that
then grows from picture to picture changed the tags of one second in fifteen (docs/performance.md).
"""

from __future__ import annotations

import logging
from collections import deque
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

from bot.errors import Damaged
from bot.media.container import open_clip, picture_track
from bot.media.cores import cores
from bot.media.pictures import Painter
from bot.media.plan import middle, milliseconds, plan
from bot.media.survey import may_skip, picture_packets, survey

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from av.container import InputContainer
    from av.packet import Packet
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

    from bot.domain.clip import ClipFormat
    from bot.media.pictures import Picture, View
    from bot.media.plan import Stretch


logger = logging.getLogger(__name__)


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
    """Yield a picture for every second, in order: the one in its middle, or a key picture near.

    With a ``step`` it is every so many seconds: 0, step, twice the step and so on. A picture that
    stays on screen serves every second it covers; past the last one the last stays. Raises
    ``Damaged`` where no picture can be decoded, or the file breaks off.
    """
    wanted = range(0, seconds, step)
    with open_clip(path, clip_format) as container:
        track = picture_track(container)
        painter = Painter(views, float(track.sample_aspect_ratio or 1))
        looked_at = survey(container, track)
    planned = plan(looked_at, wanted) if looked_at else None
    start = looked_at.start if looked_at else None
    served = 0
    if planned:
        try:
            with open_clip(path, clip_format) as container:
                for frame in _by_plan(container, planned, painter):
                    yield frame
                    served += 1
        except Damaged as error:
            logger.debug("after %d pictures, not as planned: %s", served, error.detail)
    if served < len(wanted):
        with open_clip(path, clip_format) as container:
            yield from _whole(container, wanted[served:], painter, start)


def _by_plan(
    container: InputContainer, stretches: Sequence[Stretch], painter: Painter
) -> Iterator[SampledFrame]:
    """Decode these stretches and nothing else.

    Raises ``Damaged`` where something else comes out than the packets said.
    """
    track = picture_track(container)
    _set_threads(track, 1 if all(each.first == each.last for each in stretches) else cores())
    packets = enumerate(picture_packets(container, track))
    for stretch in stretches:
        yield from _served(stretch, _decoded(track, packets, stretch), painter)


def _decoded(
    track: VideoStream, packets: Iterator[tuple[int, Packet[VideoStream]]], stretch: Stretch
) -> Iterator[VideoFrame]:
    """Decode one stretch; pictures that nothing wants and nothing stands on are skipped."""
    context = track.codec_context
    skipping = may_skip(track)
    needed = {wanted.packet for wanted in stretch.wanted}
    for number, packet in packets:
        if number >= stretch.first:
            context.skip_frame = "NONREF" if skipping and number not in needed else "DEFAULT"
            yield from packet.decode()
        if number == stretch.last:
            yield from context.decode(None)
            context.flush_buffers()
            return


def _served(
    stretch: Stretch, frames: Iterator[VideoFrame], painter: Painter
) -> Iterator[SampledFrame]:
    coming = deque(stretch.wanted)
    for frame in frames:
        if frame.is_corrupt or (frame.pts == stretch.ticks and not frame.key_frame):
            raise Damaged(detail="a key picture that is none")
        while coming and frame.pts == coming[0].ticks:
            wanted = coming.popleft()
            yield SampledFrame(wanted.second, wanted.time, painter.paint(frame))
    if coming:
        raise Damaged(detail=f"no picture came out for second {coming[0].second}")


def _whole(
    container: InputContainer, seconds: Sequence[int], painter: Painter, start: int | None
) -> Iterator[SampledFrame]:
    """Decode every picture; time begins at ``start`` ticks, else with the first one."""
    track = picture_track(container)
    coming = deque(seconds)
    shown: _Shown | None = None
    for upcoming in _everything(container, track, start):
        while shown and coming and middle(coming[0]) < upcoming.time:
            yield SampledFrame(coming.popleft(), shown.time, painter.paint(shown.frame))
        if not coming:
            return
        shown = upcoming
    if shown is None:
        raise Damaged(detail="not one picture could be decoded")
    for second in coming:  # a short last second may end before its middle
        yield SampledFrame(second, shown.time, painter.paint(shown.frame))


@dataclass(frozen=True, slots=True)
class _Shown:
    """A decoded frame, and when it goes on screen, in milliseconds from the clip's start."""

    time: int
    frame: VideoFrame


def _everything(
    container: InputContainer, track: VideoStream, start: int | None
) -> Iterator[_Shown]:
    """Decode every picture, in the order they are shown."""
    tick = track.time_base or Fraction(1, 1000)
    _set_threads(track, cores())
    for packet in container.demux(track):
        if packet.size == 0 and packet.dts is not None:
            continue  # Theora repeats a picture by an empty packet, which can't be decoded
        for frame in packet.decode():
            if frame.pts is None:
                continue
            start = frame.pts if start is None else start
            yield _Shown(max(0, milliseconds(frame.pts - start, tick)), frame)


def _set_threads(track: VideoStream, number: int) -> None:
    track.thread_type = "AUTO"
    track.thread_count = number
