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
from bot.errors import Damaged, NotAVideo

if TYPE_CHECKING:
    from collections.abc import Iterator
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
# Cover art and previews are stored as video tracks too.
_STILL_PICTURES = Disposition.attached_pic | Disposition.timed_thumbnails | Disposition.still_image


def load_everything() -> None:
    """Import every module of PyAV, which imports some of them only when it needs them."""
    for module in pkgutil.walk_packages(av.__path__, "av."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)


@contextmanager
def open_clip(path: Path, clip_format: ClipFormat) -> Iterator[InputContainer]:
    """Open the file at ``path`` as ``clip_format`` and nothing else.

    Whatever the file says, FFmpeg reads no other file, no address and no other container, and
    decodes no picture of more than ``MAX_PIXELS``.

    Raises ``Damaged`` for any FFmpeg error, including those inside the ``with`` block.
    """
    demuxer = DEMUXERS[clip_format]
    options = {
        "protocol_whitelist": "file",
        "format_whitelist": demuxer,
        "max_pixels": str(MAX_PIXELS),
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
            yield container
    except av.error.FFmpegError as error:
        raise Damaged(detail=f"FFmpeg: {error.strerror} ({type(error).__name__})") from error


def picture_track(container: InputContainer) -> VideoStream:
    """Return the first track of moving pictures, with its decoder not yet open.

    A picture that grows beyond ``MAX_PIXELS`` later on makes decoding fail.

    Raises ``NotAVideo`` if there is no such track, ``Damaged`` if it cannot be decoded.
    """
    for track in container.streams.video:
        if not track.disposition & _STILL_PICTURES:
            return _decodable(track)
    raise NotAVideo


def _decodable(track: VideoStream) -> VideoStream:
    context = track.codec_context
    if context is None:  # PyAV's type hints leave this case out
        raise Damaged(detail="unknown codec")
    if not 0 < context.width * context.height <= MAX_PIXELS:
        raise Damaged(detail=f"picture size out of range: {context.width}x{context.height}")
    # open_clip's options apply to FFmpeg's probing; the decoder needs its own.
    context.options = {"max_pixels": str(MAX_PIXELS)}
    return track
