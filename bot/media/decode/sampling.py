"""Sampling a clip: one picture a second. Import this only in a sandboxed child (it uses PyAV).

Decoding is most of the cost of tagging a clip, so most of it is skipped. An index of the packets
(``packet_index``) shows which pictures are enough (``decode_plan``); the decoder gets those and the
ones they depend on. Packets may lie: if anything else comes out than they promised, the rest of the
clip is decoded whole, without relying on the index.

Independent runs of packets are decoded in parallel, one thread each: threads that share the
pictures of one run wait for each other and take a fifth more CPU time.

The loop filter stays on: without it decoding is a sixth faster, but errors build up from picture to
picture and changed the tags of one second in fifteen (docs/performance.md).
"""

from __future__ import annotations

import logging
from collections import deque
from contextlib import ExitStack
from itertools import chain
from typing import TYPE_CHECKING

from bot.errors import Damaged
from bot.media.decode.animation import ANIMATIONS, sample_animation
from bot.media.decode.container import picture_bytes
from bot.media.decode.decode_plan import are_single, can_run_in_parallel, plan_decoding
from bot.media.decode.full_decoding import decode_everything
from bot.media.decode.packet_index import index_packets, may_skip
from bot.media.decode.packets import picture_packets
from bot.media.decode.parallel import available_cores, map_in_order
from bot.media.decode.scenes import SceneFinder
from bot.media.decode.source import (
    MAX_PARALLEL_BYTES,
    MAX_THREADED_BYTES,
    SampledFrame,
    Source,
    decoder_threads,
    sampled,
    set_threads,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from av.container import InputContainer
    from av.packet import Packet
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

    from bot.domain.clip import ClipFormat
    from bot.media.decode.decode_plan import DecodeRun
    from bot.media.decode.scaling import FrameScaler, View

logger = logging.getLogger(__name__)


def sample(
    path: Path, clip_format: ClipFormat, *, seconds: int, views: Sequence[View], step: int = 1
) -> Iterator[SampledFrame]:
    """Yield a picture for every second, in order: the one in its middle, or a keyframe near it.

    With a ``step``, only seconds 0, ``step``, 2 x ``step`` and so on are sampled. A picture that
    stays on screen serves every second it covers; after the last one, the last one stays. The
    first one also stands for the time before it. A second that can't be decoded is left out.

    Raises ``Damaged`` if no picture can be decoded; ``Protected`` and ``TooLargePicture``.
    """
    wanted = range(0, seconds, step)
    if clip_format in ANIMATIONS:
        yield from sample_animation(path, clip_format, wanted, views)
        return
    source = Source(path, clip_format, views)
    with source.opened() as (container, track, _):
        index = index_packets(container, track)
        two_decoders = picture_bytes(track) <= MAX_THREADED_BYTES
    planned = plan_decoding(index, wanted) if index else None
    start = index.start if index else None
    served = 0
    if index and planned:
        try:
            with SceneFinder(source, planned, index.start) as scenes:
                frames = _by_plan(source, planned.runs)
                for frame in scenes.checked(frames) if step == 1 and two_decoders else frames:
                    yield frame
                    served += 1
        except Damaged as error:
            logger.debug(
                "seeking failed after %d pictures, decoding the whole clip: %s",
                served,
                error.detail,
            )
    if served < len(wanted):
        with source.opened() as (container, track, scaler):
            set_threads(track, decoder_threads(track))
            decoded = decode_everything(container, track, wanted[served:], start)
            for second, shown in decoded:
                yield sampled(second, shown.time, scaler.scale(shown.frame))


def _by_plan(source: Source, runs: Sequence[DecodeRun]) -> Iterator[SampledFrame]:
    """Decode these runs and nothing else.

    Raises ``Damaged`` if anything else comes out than the packets promised.
    """
    with ExitStack() as opened:
        container, track, scaler = opened.enter_context(source.opened())
        if (
            not can_run_in_parallel(runs, available_cores())
            or picture_bytes(track) > MAX_PARALLEL_BYTES
        ):
            set_threads(track, 1 if are_single(runs) else decoder_threads(track))
            decoder = _Decoder(container, track, scaler)
            yield from chain.from_iterable(map(decoder.frames, runs))
            return
        each = [opened.enter_context(source.opened()) for _ in range(1, available_cores())]
        decoders = [_Decoder(*one) for one in ((container, track, scaler), *each)]
        for decoder in decoders:
            set_threads(decoder.track, 1)
        yield from map_in_order(runs, [decoder.frames for decoder in decoders])


class _Decoder:
    """Decodes runs of a clip, one after the other."""

    def __init__(self, container: InputContainer, track: VideoStream, scaler: FrameScaler) -> None:
        self.track = track
        self._scaler = scaler
        self._packets = enumerate(picture_packets(container, track))

    def frames(self, run: DecodeRun) -> Iterator[SampledFrame]:
        """Decode one run, which must begin after the runs before it; yield its wanted pictures."""
        return _pick_wanted(run, _decoded(self.track, self._packets, run), self._scaler)


def _decoded(
    track: VideoStream, packets: Iterator[tuple[int, Packet[VideoStream]]], run: DecodeRun
) -> Iterator[VideoFrame]:
    """Decode one run; skip pictures that are neither wanted nor used for reference."""
    context = track.codec_context
    skipping = may_skip(track)
    needed = {wanted.packet for wanted in run.wanted}
    for number, packet in packets:
        if number >= run.first:
            context.skip_frame = "NONREF" if skipping and number not in needed else "DEFAULT"
            yield from packet.decode()
        if number == run.last:
            yield from context.decode(None)
            context.flush_buffers()
            return


def _pick_wanted(
    run: DecodeRun, frames: Iterator[VideoFrame], scaler: FrameScaler
) -> Iterator[SampledFrame]:
    due = deque(run.wanted)
    for frame in frames:
        if frame.is_corrupt or (frame.pts == run.ticks and not frame.key_frame):
            raise Damaged(detail="a packet marked as a key frame holds no picture")
        while due and frame.pts == due[0].ticks:
            wanted = due.popleft()
            yield sampled(wanted.second, wanted.time, scaler.scale(frame))
    if due:
        raise Damaged(detail=f"no picture decoded for second {due[0].second}")
