"""A clip: as somebody shared it, and as it lies on disk."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


class ClipFormat(StrEnum):
    """The containers we read."""

    MP4 = "mp4"
    MOV = "mov"
    MKV = "mkv"
    WEBM = "webm"
    AVI = "avi"
    OGG = "ogg"
    GIF = "gif"


FORMAT_NAMES = "MP4, MOV, MKV, WebM, AVI, OGG, and GIF"


@dataclass(frozen=True, slots=True)
class Clip:
    """A video somebody shared, before a byte of it is read.

    ``location`` is a link or, on the command line, a path. ``size`` (bytes), ``content_type`` and
    ``duration`` (milliseconds) are what the one who handed it over says, and no proof.
    ``message_id`` and ``author_id`` say in which message it was posted and by whom, where that is
    not the one who asks.
    """

    name: str
    location: str
    size: int | None = None
    content_type: str | None = None
    duration: int | None = None
    spoiler: bool = False
    message_id: int | None = None
    author_id: int | None = None


@dataclass(frozen=True, slots=True)
class ClipInfo:
    """What is known of a clip once its bytes were read.

    ``size`` in bytes, ``duration`` in milliseconds, ``fingerprint`` as ``sha256:`` and hex digits.
    """

    format: ClipFormat
    size: int
    duration: int
    fingerprint: str


@dataclass(frozen=True, slots=True)
class ClipFile:
    """A checked clip on disk; ``public_url`` where others could fetch the same bytes.

    Its tags are wanted in ``language``, where the tagger speaks that.
    """

    path: Path
    info: ClipInfo
    public_url: str | None = None
    language: str = "en"


@dataclass(frozen=True, slots=True)
class ClipLimits:
    """What a clip may be at most: bytes by link, bytes sent whole, length in milliseconds."""

    by_url: int = 80_000_000
    as_bytes: int = 10_000_000
    duration: int = 600_000


@dataclass(frozen=True, slots=True)
class ProxyLimits:
    """How large (bytes) and long (milliseconds) a clip may be whose small pictures are shown.

    Where there are too many of them at once they are shown in parts, or, ``wider``, fewer of them.
    """

    size: int
    duration: int
    wider: bool = False
