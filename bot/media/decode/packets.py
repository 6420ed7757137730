"""Reading a clip's packets, and the clip's clock. Import this only in a sandboxed child.

Damage costs no more than what is damaged: a packet that is cut off is left out, and reading ends
quietly where the file can't be read on.
"""

from __future__ import annotations

import logging
from fractions import Fraction
from typing import TYPE_CHECKING

import av.error

from bot.errors import Protected

if TYPE_CHECKING:
    from collections.abc import Iterator

    from av.audio.stream import AudioStream
    from av.container import InputContainer
    from av.packet import Packet
    from av.video.stream import VideoStream

    AnyPacket = Packet[VideoStream] | Packet[AudioStream]

# Browsers take shorter delays of a GIF for 100 ms.
_MIN_GIF_DELAY, _DEFAULT_GIF_DELAY = Fraction(2, 100), Fraction(10, 100)
# A clip that begins later has the clock of something longer, such as a live stream.
_LATEST_START = 60  # seconds

logger = logging.getLogger(__name__)


def tick_of(track: VideoStream) -> Fraction:
    """Return the unit of a track's times, in seconds."""
    return track.time_base or Fraction(1, 1000)


def milliseconds(ticks: int, tick: Fraction) -> int:
    """Convert ticks of ``tick`` seconds each to milliseconds, rounded."""
    return (2000 * ticks * tick.numerator + tick.denominator) // (2 * tick.denominator)


def clip_start(container: InputContainer, track: VideoStream, first: int) -> int:
    """Return the ticks at which a clip begins, if its first picture appears at ``first``.

    As in browsers, that is 0 even if the first picture appears later; it shows until then. Only
    what begins before 0, or long after it, begins with its first picture or sound.
    """
    latest = round(_LATEST_START / tick_of(track))
    if first <= latest:
        return min(0, first)
    started: int | None = container.start_time
    if started is None:
        return first
    begin = round(Fraction(started, av.time_base) / tick_of(track))
    return 0 if begin <= latest else min(begin, first)


def picture_packets(container: InputContainer, track: VideoStream) -> Iterator[Packet[VideoStream]]:
    """Read the packets that hold a whole picture, in decoding order."""
    for packet in all_packets(container, track):
        # Theora sends an empty packet for an unchanged picture; PyAV's last packet is empty too.
        if packet.size and not packet.is_corrupt:
            yield packet


def all_packets(
    container: InputContainer, track: VideoStream, *sound: AudioStream
) -> Iterator[Packet[VideoStream]]:
    """Read every packet of these tracks; raises ``Protected`` if they are encrypted."""
    packets = _until_unreadable(container, track, *sound)
    for packet in _with_browsers_delays(packets, track) if _is_gif(container) else packets:
        if packet.has_sidedata("encryption_info"):
            raise Protected(detail="its packets are encrypted")
        yield packet


def _until_unreadable(
    container: InputContainer, *tracks: VideoStream | AudioStream
) -> Iterator[Packet[VideoStream]]:
    try:
        yield from container.demux(*tracks)  # type: ignore[misc]  # PyAV's hints know one kind
    except (MemoryError, BlockingIOError):
        raise
    except av.error.FFmpegError as error:
        logger.debug("reading ends early: %s", error.strerror)


def _is_gif(container: InputContainer) -> bool:
    return container.format.name == "gif"


def _with_browsers_delays(
    packets: Iterator[Packet[VideoStream]], track: VideoStream
) -> Iterator[Packet[VideoStream]]:
    """Time a GIF's pictures as browsers do."""
    tick = tick_of(track)
    shortest, default = _MIN_GIF_DELAY / tick, round(_DEFAULT_GIF_DELAY / tick)
    time = 0
    for packet in packets:
        if packet.pts is not None:
            packet.pts = packet.dts = time
            if (packet.duration or 0) < shortest:
                packet.duration = default
            time += packet.duration or 0
        yield packet
