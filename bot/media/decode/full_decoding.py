"""Decoding every picture of a clip, past whatever is damaged.

Import this only in a sandboxed child (it uses PyAV).
"""

from __future__ import annotations

from bisect import bisect_right, insort
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import av.error

from bot.errors import Damaged
from bot.media.decode.container import check_memory
from bot.media.decode.decode_plan import middle
from bot.media.decode.packets import all_packets, clip_start, milliseconds, tick_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from av.container import InputContainer
    from av.packet import Packet
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream


@dataclass(frozen=True, slots=True)
class ShownFrame:
    """A decoded frame and when it appears, in milliseconds from the clip's start."""

    time: int
    frame: VideoFrame


def decode_everything(
    container: InputContainer, track: VideoStream, seconds: Sequence[int], start: int | None
) -> Iterator[tuple[int, ShownFrame]]:
    """Yield the frame in the middle of each of these seconds, decoding every picture.

    The clip begins at ``start`` ticks, if that is known. A second is left out if its picture was
    damaged and it has no other one. Raises ``Damaged`` if nothing can be decoded.
    """
    decoding = _Decoding(container, track, start)
    due = deque(seconds)
    shown: ShownFrame | None = None
    for upcoming in decoding.frames():
        while due and middle(due[0]) < upcoming.time:
            found = decoding.choose(due[0], shown, upcoming)
            second = due.popleft()
            if found:
                yield second, found
        if not due:
            return
        shown = upcoming
    if shown is None:
        raise Damaged(detail="no picture decoded")
    for second in due:  # a short last second may end before its middle
        if shown.time >= second * 1000 or decoding.is_intact(shown.time, (second + 1) * 1000):
            yield second, shown


@dataclass(slots=True)
class _Decoding:
    """Decodes a track; ``_damaged`` has the times of pictures that failed, in order."""

    container: InputContainer
    track: VideoStream
    start: int | None
    _damaged: list[int] = field(default_factory=list)

    def frames(self) -> Iterator[ShownFrame]:
        """Decode every picture, in the order in which they are shown."""
        for packet in all_packets(self.container, self.track):
            if packet.size:  # Theora sends an empty packet for an unchanged picture
                yield from self._decoded(packet)
        yield from self._decoded(None)

    def choose(
        self, second: int, shown: ShownFrame | None, upcoming: ShownFrame
    ) -> ShownFrame | None:
        """Return the frame for a second whose middle is between two frames.

        It is the one on screen, or the next one within the second if that one was damaged.
        """
        since = shown.time if shown else -1
        if shown and (since >= second * 1000 or self.is_intact(since, middle(second))):
            return shown
        if upcoming.time < (second + 1) * 1000 or self.is_intact(since, (second + 1) * 1000):
            return upcoming  # players show the first picture before its time
        return None

    def is_intact(self, since: int, until: int) -> bool:
        """Return whether no picture between two times, given in milliseconds, was damaged."""
        place = bisect_right(self._damaged, since)
        return place == len(self._damaged) or self._damaged[place] >= until

    def _decoded(self, packet: Packet[VideoStream] | None) -> Iterator[ShownFrame]:
        """Decode one packet; with None, what the decoder still holds."""
        frames: Sequence[VideoFrame] = ()
        try:
            if packet is None or not packet.is_corrupt:
                frames = self.track.codec_context.decode(packet)
        except (MemoryError, BlockingIOError):
            raise
        except av.error.FFmpegError:
            check_memory(self.track)
            self._note_damage(packet.pts if packet else None)
        if packet and packet.is_corrupt:
            self._note_damage(packet.pts)
        for frame in frames:
            if frame.is_corrupt:
                self._note_damage(frame.pts)
            elif frame.pts is not None:
                yield ShownFrame(max(0, self._milliseconds(frame.pts)), frame)

    def _note_damage(self, ticks: int | None) -> None:
        if ticks is not None:
            insort(self._damaged, self._milliseconds(ticks))

    def _milliseconds(self, ticks: int) -> int:
        if self.start is None:
            self.start = clip_start(self.container, self.track, ticks)
        return milliseconds(ticks - self.start, tick_of(self.track))
