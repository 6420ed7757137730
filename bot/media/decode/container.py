"""Opening a clip with FFmpeg (PyAV). Import this only in a sandboxed child."""

from __future__ import annotations

import importlib
import pkgutil
from contextlib import contextmanager
from typing import TYPE_CHECKING

import av
import av.error
from av.stream import Disposition

from bot.domain.clip import ClipFormat
from bot.errors import Damaged, NotAVideo, Protected, TooLargePicture

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from av.container import InputContainer
    from av.video.stream import VideoStream

# https://ffmpeg.org/ffmpeg-formats.html#Demuxers
DEMUXERS = {
    ClipFormat.MP4: "mov",
    ClipFormat.MOV: "mov",
    ClipFormat.MKV: "matroska",
    ClipFormat.WEBM: "matroska",
    ClipFormat.AVI: "avi",
    ClipFormat.OGG: "ogg",
    ClipFormat.GIF: "gif",
}
MAX_PIXELS = 8192 * 8192  # such a frame takes 100 MB decoded; 8K is half of it
# FFmpeg forgets the size of a larger picture while it probes, and we want to name the reason.
_MAX_PROBED = 4
# Cover art and previews are stored as video tracks too.
_STILL_PICTURES = Disposition.attached_pic | Disposition.timed_thumbnails | Disposition.still_image
# Packets to read if a file doesn't say how many pictures each of its tracks has.
_COUNTED_PACKETS = 500
# Libraries can't start a thread without memory.
_LACKS = (MemoryError, BlockingIOError)
# Bytes of a decoded picture of 1080p with more than 8 bits, or of anything larger.
_LARGE = 4_000_000
# Sample entries of encrypted tracks: ISO/IEC 23001-7 section 4.2, and Apple's FairPlay.
_ENCRYPTED_TAGS = frozenset({"encv", "drmi"})


def load_everything() -> None:
    """Import every module of PyAV, which imports some of them only when it needs them."""
    for module in pkgutil.walk_packages(av.__path__, "av."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)


@contextmanager
def open_clip(path: Path, clip_format: ClipFormat) -> Iterator[InputContainer]:
    """Open the file at ``path`` as ``clip_format`` and nothing else.

    Whatever the file says, FFmpeg reads no other file, no address and no other container, and
    decodes no picture of more than ``_MAX_PROBED`` times ``MAX_PIXELS`` to find out what it is.

    Raises ``Damaged`` for any FFmpeg error, including those inside the ``with`` block, and
    ``TooLargePicture`` if memory or threads run out: those limits are ours. Its reason is
    ``large_pictures`` if the pictures explain that, and ``memory`` if not.
    """
    demuxer = DEMUXERS[clip_format]
    options = {
        "protocol_whitelist": "file",
        "format_whitelist": demuxer,
        "max_pixels": str(MAX_PIXELS * _MAX_PROBED),
        "threads": "1",
    }
    try:
        # "file:" keeps "concat:a|b" a file name. Broken metadata is no reason to fail.
        with av.open(
            f"file:{path.absolute()}",
            mode="r",
            format=demuxer,
            options=options,
            metadata_errors="replace",
        ) as container:
            try:
                yield container
            except _LACKS as error:
                reason = "large_pictures" if _has_large_pictures(container) else "memory"
                raise TooLargePicture(reason=reason, detail=f"out of memory: {error!r}") from error
    except _LACKS as error:
        raise TooLargePicture(reason="memory", detail=f"out of memory: {error!r}") from error
    except av.error.FFmpegError as error:
        raise Damaged(detail=f"FFmpeg: {error.strerror} ({type(error).__name__})") from error


def picture_bytes(track: VideoStream) -> int:
    """Return the bytes of one decoded picture of a track."""
    pixel_format = track.codec_context.format  # None if FFmpeg does not know yet: assume large
    bits = pixel_format.padded_bits_per_pixel if pixel_format else 64
    return track.width * track.height * bits // 8


def check_memory(track: VideoStream) -> None:
    """Raise ``MemoryError`` if there is none left for one more picture of a track.

    Call this when decoding fails: some decoders report a lack of memory as damage.
    """
    bytearray(picture_bytes(track))


def _has_large_pictures(container: InputContainer) -> bool:
    """Return whether pictures are so large that decoders need much memory; GIFs keep only two."""
    if container.format.name == "gif":
        return False
    sizes = [picture_bytes(each) for each in container.streams.video if _is_known(each)]
    return max(sizes, default=0) > _LARGE


def _is_known(track: VideoStream) -> bool:
    context: object = track.codec_context  # None without a decoder, which PyAV's hints leave out
    return context is not None


def picture_track(container: InputContainer) -> VideoStream:
    """Return the track that players show, with its decoder not yet open.

    Moving pictures come before a still one, then the track marked as default and enabled before
    others. Cover art never counts. A picture that grows beyond ``MAX_PIXELS`` later on makes
    decoding fail.

    Raises ``NotAVideo`` if there is no such track; ``Damaged``, ``Protected`` or
    ``TooLargePicture`` if it cannot be decoded.
    """
    tracks: Sequence[VideoStream] = [
        each for each in container.streams.video if not each.disposition & _STILL_PICTURES
    ]
    if not tracks:
        raise NotAVideo
    if len(tracks) > 1:
        tracks = _by_preference(container, tracks)
    return _decodable(tracks[0])


def _by_preference(
    container: InputContainer, tracks: Sequence[VideoStream]
) -> Sequence[VideoStream]:
    counts = {each.index: each.frames for each in tracks}
    if not all(counts.values()):
        counts = _count_pictures(container, tracks)
    return sorted(
        tracks,
        key=lambda each: (
            each.codec_context is None,
            counts[each.index] == 1,
            not each.disposition & Disposition.default,
        ),
    )


def _count_pictures(container: InputContainer, tracks: Sequence[VideoStream]) -> dict[int, int]:
    """Count the first packets of each track; then return to the beginning."""
    counts = dict.fromkeys((each.index for each in tracks), 0)
    for number, packet in enumerate(container.demux(*tracks)):
        counts[packet.stream.index] += packet.size > 0
        if number >= _COUNTED_PACKETS or min(counts.values()) > 1:
            break
    container.seek(0)
    return counts


def _decodable(track: VideoStream) -> VideoStream:
    context = track.codec_context
    if context is None:  # PyAV's type hints leave this case out
        raise Damaged(detail="unknown codec")
    if context.codec_tag in _ENCRYPTED_TAGS or "enc_key_id" in track.metadata:
        raise Protected(detail="the track is encrypted")
    if context.width * context.height > MAX_PIXELS:
        raise TooLargePicture(detail=f"{context.width}x{context.height} pixels")
    if context.width * context.height <= 0:
        raise Damaged(detail=f"picture size out of range: {context.width}x{context.height}")
    # open_clip's options apply to FFmpeg's probing; the decoder needs its own.
    context.options = {"max_pixels": str(MAX_PIXELS)}
    if context.name == "libdav1d":
        # Or it keeps many pictures more: 4K takes half as much memory again, and no less time.
        context.options["max_frame_delay"] = "1"
    return track
