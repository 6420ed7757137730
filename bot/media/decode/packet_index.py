"""An index of a clip's packets: when each picture is shown, and which are keyframes.

It is read without decoding anything. Import this only in a sandboxed child (it uses PyAV).
"""

from __future__ import annotations

from array import array
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from bot.media.decode.packets import clip_start, picture_packets, tick_of

if TYPE_CHECKING:
    from fractions import Fraction

    from av.container import InputContainer
    from av.video.stream import VideoStream

# Codecs whose pictures depend only on those since the last keyframe. Other clips are decoded
# from the start (a GIF picture paints over everything before it).
_INTER_CODECS = frozenset({"h264", "hevc", "vp8", "vp9", "av1", "mpeg4", "mpeg2video", "theora"})
# ISO/IEC 14496-15 section 8.3.3.1 (hvcC): how many temporal layers, three bits of byte 21
_HVCC_LAYERS, _HVCC_LAYERS_SHIFT, _HVCC_LAYERS_MASK = 21, 3, 0x07


@dataclass(frozen=True, slots=True)
class PacketIndex:
    """Every packet that holds a picture, in decoding order.

    ``times`` are presentation times in ticks of ``tick`` seconds; the clip begins at ``start``.
    ``sizes`` are in bytes.
    ``keys`` marks keyframes, which depend on no other; ``shown`` marks those that no edit list
    cuts out.
    """

    tick: Fraction
    start: int = 0
    times: array[int] = field(default_factory=lambda: array("q"))
    sizes: array[int] = field(default_factory=lambda: array("q"))
    keys: bytearray = field(default_factory=bytearray)
    shown: bytearray = field(default_factory=bytearray)


def index_packets(container: InputContainer, track: VideoStream) -> PacketIndex | None:
    """Read every packet; return None if packets don't tell which picture is shown when."""
    codec = track.codec_context.codec
    intra_only = codec.intra_only
    if not (intra_only or codec.canonical_name in _INTER_CODECS):
        return None
    index = PacketIndex(tick_of(track))
    for packet in picture_packets(container, track):
        if packet.pts is None:  # as in AVI with B-frames
            return None
        index.times.append(packet.pts)
        index.sizes.append(packet.size)
        index.keys.append(intra_only or packet.is_keyframe)
        index.shown.append(not packet.is_discard)
    shown = (time for time, shown in zip(index.times, index.shown, strict=True) if shown)
    return replace(index, start=clip_start(container, track, min(shown, default=0)))


def may_skip(track: VideoStream) -> bool:
    """Return whether FFmpeg may skip pictures that are marked as not used for reference.

    Not in HEVC with temporal layers, where pictures so marked may still be used by higher layers
    (ITU-T H.265 section 3, sub-layer non-reference picture), nor in AV1, where FFmpeg's libdav1d.c
    reads the option only once for the whole clip.
    """
    context = track.codec_context
    name = context.codec.canonical_name
    return name != "av1" and (name != "hevc" or _layers(context.extradata or b"") == 1)


def _layers(hvcc: bytes) -> int:
    """Return how many temporal layers an HEVC track declares; 0 if it declares none."""
    if len(hvcc) <= _HVCC_LAYERS or hvcc[0] != 1:
        return 0
    return hvcc[_HVCC_LAYERS] >> _HVCC_LAYERS_SHIFT & _HVCC_LAYERS_MASK
