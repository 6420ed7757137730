"""The task that hashes what a clip looks like. Runs only in a sandboxed child."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from bot.domain.clip import ClipFormat
from bot.media.decode.picture_hashing import PictureHasher
from bot.media.decode.sampling import sample
from bot.media.decode.thumbnails import VIEW

if TYPE_CHECKING:
    from collections.abc import Callable


def hash_clip(request: dict[str, Any], _report: Callable[[Any], None]) -> str:
    """Return the perceptual hash of the clip in ``files``, of ``seconds`` seconds, in hex."""
    clip_format, seconds = ClipFormat(request["format"]), request["seconds"]
    hasher = PictureHasher()
    for frame in sample(Path(request["files"][0]), clip_format, seconds=seconds, views=(VIEW,)):
        hasher.add(frame.second, frame.pictures[0])
    return hasher.hash(seconds).as_bytes().hex()
