"""What a clip's packets say of its pictures before any is decoded.

Imports PyAV: for code that runs in a sandboxed child alone.
"""

from __future__ import annotations

from array import array
from dataclasses import dataclass, field
from fractions import Fraction
from typing import TYPE_CHECKING

from bot.errors import Damaged

if TYPE_CHECKING:
    from collections.abc import Iterator

    from av.container import InputContainer
    from av.packet import Packet
    from av.video.stream import VideoStream

# Codecs whose pictures stand on those before, back to a key picture, and on nothing else. Others
# (GIF paints over its whole past) are no worse for being decoded from the start.
_PREDICTING = frozenset({"h264", "hevc", "vp8", "vp9", "av1", "mpeg4", "mpeg2video", "theora"})
# ISO/IEC 14496-15 section 8.3.3.1 (hvcC): how many temporal layers, three bits of byte 21
_HVCC_LAYERS, _HVCC_LAYERS_SHIFT, _HVCC_LAYERS_MASK = 21, 3, 0x07


@dataclass(frozen=True, slots=True)
class PacketIndex:
    """Every packet that holds a picture, in the order of decoding.

    ``times`` are when the pictures go on screen, in ticks of ``tick`` seconds; ``keys`` tells those
    that stand on no other, ``shown`` those that no edit list has cut out.
    """

    tick: Fraction
    times: array[int] = field(default_factory=lambda: array("q"))
    keys: bytearray = field(default_factory=bytearray)
    shown: bytearray = field(default_factory=bytearray)

    @property
    def start(self) -> int | None:
        """When the first picture is shown, in ticks."""
        return min(
            (time for time, shown in zip(self.times, self.shown, strict=True) if shown),
            default=None,
        )


def picture_packets(container: InputContainer, track: VideoStream) -> Iterator[Packet[VideoStream]]:
    """Read the packets that hold a picture; raises ``Damaged`` where the file breaks off."""
    for packet in container.demux(track):
        if packet.is_corrupt:
            raise Damaged(detail="a packet is cut off")
        if (
            packet.size
        ):  # Theora repeats a picture by an empty packet; the last is a mark of the end
            yield packet


def survey(container: InputContainer, track: VideoStream) -> PacketIndex | None:
    """Look at every packet; None where they can't tell which picture is shown when.

    Raises ``Damaged`` where the file breaks off.
    """
    codec = track.codec_context.codec
    alone = codec.intra_only
    if not (alone or codec.canonical_name in _PREDICTING):
        return None
    found = PacketIndex(track.time_base or Fraction(1, 1000))
    for packet in picture_packets(container, track):
        if packet.pts is None:  # as in AVI, where pictures are not in order of decoding
            return None
        found.times.append(packet.pts)
        found.keys.append(alone or packet.is_keyframe)
        found.shown.append(not packet.is_discard)
    return found


def may_skip(track: VideoStream) -> bool:
    """Tell whether pictures that say they are no reference may be left out one by one.

    With temporal layers HEVC says so of pictures that higher layers stand on (ITU-T H.265 section
    3, sub-layer non-reference picture). FFmpeg's libdav1d.c asks once, for all of a clip's AV1.
    """
    context = track.codec_context
    name = context.codec.canonical_name
    return name != "av1" and (name != "hevc" or _layers(context.extradata or b"") == 1)


def _layers(hvcc: bytes) -> int:
    """Return how many temporal layers a HEVC track says it has; 0 if it does not say."""
    if len(hvcc) <= _HVCC_LAYERS or hvcc[0] != 1:
        return 0
    return hvcc[_HVCC_LAYERS] >> _HVCC_LAYERS_SHIFT & _HVCC_LAYERS_MASK
