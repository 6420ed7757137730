"""One picture a second of a clip. Imports PyAV: for code that runs in a sandboxed child alone.

Decoding is what tagging a clip costs, so most of it is left out. A first look at the packets
(``packet_index``) tells which pictures are enough (``decode_plan``); the decoder is given
what those stand on and nothing else. Packets may lie. Whatever comes out otherwise than they said
has the rest of the clip decoded whole, which no packet's word is needed for.

Stretches that stand on nothing outside are decoded side by side, each by one thread: threads that
share the pictures of one stretch wait for each other, and take a fifth more of CPU time.

The loop filter runs for every picture: without it decoding is a sixth quicker, but the blur that
then grows from picture to picture changed the tags of one second in fifteen (docs/performance.md).
"""

from __future__ import annotations

import logging
from collections import deque
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain
from typing import TYPE_CHECKING

from bot.errors import Damaged
from bot.media.decode.container import open_clip, picture_track
from bot.media.decode.decode_plan import are_even, are_single, middle, milliseconds, plan
from bot.media.decode.packet_index import may_skip, picture_packets, survey
from bot.media.decode.parallel import map_in_order
from bot.media.decode.scaling import FrameScaler
from bot.media.sandbox.cores import cores

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from av.container import InputContainer
    from av.packet import Packet
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

    from bot.domain.clip import ClipFormat
    from bot.media.decode.decode_plan import Stretch
    from bot.media.decode.scaling import Picture, View

# Bytes of a picture: two decoders keep twice as many as one, up to sixteen each.
_MAX_PIXELS_IN_PARALLEL = 4_000_000

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
    source = _Source(path, clip_format, views)
    wanted = range(0, seconds, step)
    with source.opened() as (container, track, _):
        looked_at = survey(container, track)
    planned = plan(looked_at, wanted) if looked_at else None
    start = looked_at.start if looked_at else None
    served = 0
    if planned:
        try:
            for frame in _by_plan(source, planned):
                yield frame
                served += 1
        except Damaged as error:
            logger.debug("after %d pictures, not as planned: %s", served, error.detail)
    if served < len(wanted):
        with source.opened() as (container, track, painter):
            yield from _whole(container, track, painter, wanted[served:], start)


@dataclass(frozen=True, slots=True)
class _Source:
    """A file, and the pictures wanted of its frames."""

    path: Path
    format: ClipFormat
    views: Sequence[View]

    @contextmanager
    def opened(self) -> Iterator[tuple[InputContainer, VideoStream, FrameScaler]]:
        """Open it at its beginning, as often as it is to be read."""
        with open_clip(self.path, self.format) as container:
            track = picture_track(container)
            width = track.width * float(track.sample_aspect_ratio or 1)
            yield container, track, FrameScaler(self.views, width, track.height)


def _by_plan(source: _Source, stretches: Sequence[Stretch]) -> Iterator[SampledFrame]:
    """Decode these stretches and nothing else.

    Raises ``Damaged`` where something else comes out than the packets said.
    """
    with ExitStack() as opened:
        container, track, painter = opened.enter_context(source.opened())
        if not are_even(stretches, cores()) or _bytes_of_a_picture(track) > _MAX_PIXELS_IN_PARALLEL:
            _set_threads(track, 1 if are_single(stretches) else cores())
            decoder = _Decoder(container, track, painter)
            yield from chain.from_iterable(map(decoder.frames, stretches))
            return
        each = [opened.enter_context(source.opened()) for _ in range(1, cores())]
        decoders = [_Decoder(*one) for one in ((container, track, painter), *each)]
        for decoder in decoders:
            _set_threads(decoder.track, 1)
        yield from map_in_order(stretches, [decoder.frames for decoder in decoders])


def _bytes_of_a_picture(track: VideoStream) -> int:
    kind = track.codec_context.format  # None where FFmpeg does not know yet: then it is large
    bits = kind.padded_bits_per_pixel if kind else 64
    return track.width * track.height * bits // 8


class _Decoder:
    """Decodes stretches of a clip, one after the other as they come."""

    def __init__(self, container: InputContainer, track: VideoStream, painter: FrameScaler) -> None:
        self.track = track
        self._painter = painter
        self._packets = enumerate(picture_packets(container, track))

    def frames(self, stretch: Stretch) -> Iterator[SampledFrame]:
        """Decode one stretch, which begins after those before; yield what is wanted of it."""
        return _served(stretch, _decoded(self.track, self._packets, stretch), self._painter)


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
    stretch: Stretch, frames: Iterator[VideoFrame], painter: FrameScaler
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
    container: InputContainer,
    track: VideoStream,
    painter: FrameScaler,
    seconds: Sequence[int],
    start: int | None,
) -> Iterator[SampledFrame]:
    """Decode every picture; time begins at ``start`` ticks, else with the first one."""
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
