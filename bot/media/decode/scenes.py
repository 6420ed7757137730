"""Keeping cuts apart: a second shows a picture of the scene that fills most of it.

Import this only in a sandboxed child (it uses PyAV and NumPy).

The cheapest picture of a second, a keyframe or the first one decoded, may be of a scene that fills
only a bit of it. If the packets admit a cut between it and the second's middle
(``decode_plan.py``), and it looks different from the picture chosen on the other side of that
middle, the second is decoded up to its last possible cut.
"""

from __future__ import annotations

import logging
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import chain, pairwise
from typing import TYPE_CHECKING, Self

import av.error
import numpy as np

from bot.errors import ClipError
from bot.media.decode.decode_plan import middle
from bot.media.decode.full_decoding import ShownFrame
from bot.media.decode.packets import milliseconds, picture_packets, tick_of
from bot.media.decode.scaling import FrameScaler, View
from bot.media.decode.source import sampled, set_threads

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType

    import numpy.typing as npt
    from av.container import InputContainer
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

    from bot.media.decode.decode_plan import DecodePlan
    from bot.media.decode.scaling import Picture
    from bot.media.decode.source import SampledFrame, Source

    Blocks = npt.NDArray[np.float32]

_OUTLINE_SIDE = 32
_BLOCKS = 8  # pictures are compared by the means of this many blocks in each direction
# Mean differences of blocks, of 255: neighbouring pictures of a scene differ by 1 to 5, those of
# neighbouring seconds by 3 to 20, and cuts are mostly above 30.
_CUT = 16
_MAYBE_CUT = 20
_MAX_AHEAD = 8  # frames that wait for the one before them, half a megabyte each

logger = logging.getLogger(__name__)


class SceneFinder:
    """Replaces frames of the wrong scene; use it as ``with``.

    It decodes in a thread of its own, with a second decoder that is opened when it is first needed.
    """

    def __init__(self, source: Source, plan: DecodePlan, start: int) -> None:
        self._source = source
        self._plan = plan
        self._start = start
        self._opened = ExitStack()
        self._thread = ThreadPoolExecutor(1)
        self._decoder: _ForwardDecoder | None = None
        self._usable = True

    def __enter__(self) -> Self:
        """Return the finder itself."""
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        """Close the second decoder."""
        self._thread.shutdown(cancel_futures=True)
        self._opened.close()

    def checked(self, frames: Iterator[SampledFrame]) -> Iterator[SampledFrame]:
        """Yield the frames of successive seconds, each of the scene that fills most of it.

        While a second is decoded, the frames of the next ones are drawn already.
        """
        doubtful = self._plan.doubtful
        before: SampledFrame | None = None
        ahead: deque[Future[SampledFrame]] = deque()
        for frame, after in pairwise(chain(frames, [None])):
            if frame is None:  # the end marker, which is never first of a pair
                break
            other = after if frame.time < middle(frame.second) else before
            if frame.second in doubtful and (other is None or _may_be_cut(frame, other)):
                ahead.append(self._thread.submit(self._found, frame))
            else:
                ahead.append(_done(frame))
            while ahead and (len(ahead) > _MAX_AHEAD or ahead[0].done()):
                yield ahead.popleft().result()
            before = frame
        for found in ahead:
            yield found.result()

    def _found(self, frame: SampledFrame) -> SampledFrame:
        """Decode a second and return its frame; the one given if that fails or it has no cut."""
        second, first = frame.second, self._plan.first_packet(frame.second)
        if first is None or not self._usable:
            return frame
        try:
            self._decoder = self._decoder or self._open()
            return self._decoder.frame(second, first, self._plan.last_cut(second)) or frame
        except (ClipError, MemoryError, av.error.FFmpegError) as error:
            logger.debug("second %d keeps its picture: %r", second, error)
            self._usable = False
            return frame

    def _open(self) -> _ForwardDecoder:
        container, track, scaler = self._opened.enter_context(self._source.opened())
        set_threads(track, 1)
        return _ForwardDecoder(container, track, scaler, self._start)


class _ForwardDecoder:
    """Decodes seconds of a clip, in their order, as far as needed."""

    def __init__(
        self, container: InputContainer, track: VideoStream, scaler: FrameScaler, start: int
    ) -> None:
        self._track = track
        self._scaler = scaler
        self._start = start
        self._outline = FrameScaler([View(_OUTLINE_SIDE, whole=True)], track.width, track.height)
        self._packets = enumerate(picture_packets(container, track))
        self._next = 0
        self._frames: Iterator[ShownFrame] = iter(())
        self._shown: ShownFrame | None = None

    def frame(self, second: int, first: int, last_cut: int) -> SampledFrame | None:
        """Return the frame of a second that is decoded from packet ``first`` on.

        It isn't decoded further than ``last_cut``, in milliseconds. None if it has no cut, so that
        any of its pictures will do.
        """
        if first >= self._next:
            self._track.codec_context.flush_buffers()
            self._frames, self._shown = self._decoded(first), None
        scenes = _Scenes(second, self._outline)
        if self._shown:
            scenes.add(self._shown)
        for shown in self._frames:
            self._shown = shown
            if shown.time >= (second + 1) * 1000:
                break
            scenes.add(shown)
            if shown.time >= last_cut:
                break
        best = scenes.best() if scenes.several else None
        return sampled(second, best.time, self._scaler.scale(best.frame)) if best else None

    def _decoded(self, first: int) -> Iterator[ShownFrame]:
        """Decode from a packet on, in the order in which pictures are shown."""
        self._track.codec_context.skip_frame = "DEFAULT"
        for number, packet in self._packets:
            self._next = number + 1
            if number >= first:
                yield from map(self._timed, packet.decode())
        yield from map(self._timed, self._track.codec_context.decode(None))

    def _timed(self, frame: VideoFrame) -> ShownFrame:
        ticks = (frame.pts or 0) - self._start
        return ShownFrame(milliseconds(ticks, tick_of(self._track)), frame)


class _Scenes:
    """The scenes of a second: of each, its length and the frame nearest the middle."""

    def __init__(self, second: int, outline: FrameScaler) -> None:
        self._middle, self._begin, self._end = middle(second), second * 1000, (second + 1) * 1000
        self._scaler = outline
        self._last: Blocks | None = None
        self._scene: _Scene | None = None
        self._longest: _Scene | None = None

    def add(self, shown: ShownFrame) -> None:
        """Add the next frame; those before the second count from its beginning."""
        blocks = _blocks(self._scaler.scale(shown.frame)[0])
        time = max(self._begin, shown.time)
        if self._scene is None or self._last is None or _difference(blocks, self._last) > _CUT:
            self._close(time)
            self._scene = _Scene(time, shown)
        elif abs(time - self._middle) < abs(self._scene.nearest.time - self._middle):
            self._scene.nearest = shown
        self._last = blocks

    @property
    def several(self) -> bool:
        """Whether there is a cut."""
        return self._longest is not None

    def best(self) -> ShownFrame | None:
        """Return the frame of the longest scene that is nearest the second's middle."""
        self._close(self._end)
        return self._longest.nearest if self._longest else None

    def _close(self, time: int) -> None:
        if self._scene is None:
            return
        self._scene.length = time - self._scene.begin
        if self._longest is None or self._scene.length > self._longest.length:
            self._longest = self._scene


@dataclass(slots=True)
class _Scene:
    """A part of a second without a cut, in milliseconds."""

    begin: int
    nearest: ShownFrame
    length: int = 0


def _done(frame: SampledFrame) -> Future[SampledFrame]:
    done: Future[SampledFrame] = Future()
    done.set_result(frame)
    return done


def _may_be_cut(one: SampledFrame, other: SampledFrame) -> bool:
    """Return whether two frames may be of different scenes."""
    pictures = (_blocks(each.pictures[-1]) for each in (one, other))
    return _difference(*pictures) > _MAYBE_CUT


def _difference(one: Blocks, other: Blocks) -> float:
    return float(np.abs(one - other).mean())


def _blocks(picture: Picture) -> Blocks:
    """Return the mean colours of blocks of a picture."""
    height, width = (max(1, side // _BLOCKS) for side in picture.shape[:2])
    rows, columns = picture.shape[0] // height, picture.shape[1] // width
    whole = picture[: rows * height, : columns * width]
    means: Blocks = whole.reshape(rows, height, columns, width, 3).mean((1, 3), np.float32)
    return means
