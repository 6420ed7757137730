"""Clips: as they were shared, and as files on disk."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from bot.domain.links import is_signed_attachment

if TYPE_CHECKING:
    from pathlib import Path

    from bot.domain.senses import Sense


class ClipFormat(StrEnum):
    """The supported container formats."""

    MP4 = "mp4"
    MOV = "mov"
    MKV = "mkv"
    WEBM = "webm"
    AVI = "avi"
    OGG = "ogg"
    GIF = "gif"
    WEBP = "webp"
    AVIF = "avif"
    APNG = "apng"


PICTURE_FORMATS = frozenset({ClipFormat.GIF, ClipFormat.WEBP, ClipFormat.AVIF, ClipFormat.APNG})
"""Formats that browsers show as pictures, not as videos; only animated ones are clips."""


FORMAT_NAMES = "MP4, MOV, MKV, WebM, AVI, OGG, and GIF"


@dataclass(frozen=True, slots=True)
class Clip:
    """A video that somebody shared, before any of it is read.

    ``location`` is a link or, on the command line, a path. ``size`` (bytes), ``content_type`` and
    ``duration`` (milliseconds) are what Discord claims; they prove nothing. ``message_id`` and
    ``author_id`` are those of the message it was posted in, if that is known. A ``native`` clip was
    recorded by Discord's app, so Discord knows of which game.
    """

    name: str
    location: str
    size: int | None = None
    content_type: str | None = None
    duration: int | None = None
    spoiler: bool = False
    message_id: int | None = None
    author_id: int | None = None
    native: bool = False


@dataclass(frozen=True, slots=True)
class ClipInfo:
    """The facts about a clip, known once its bytes were read.

    ``size`` in bytes, ``duration`` in milliseconds, ``fingerprint`` as ``sha256:`` and hex digits,
    or as the key of a tagging that counts for one job alone (``TagRequest.own_key``).
    """

    format: ClipFormat
    size: int
    duration: int
    fingerprint: str


@dataclass(frozen=True, slots=True)
class ClipFile:
    """A checked clip on disk; ``public_url`` if others can fetch the same bytes.

    Its tags should be in ``language`` if the tagger supports it. ``owner`` is the server or the
    person whose share of the machine tagging it uses; empty for the operator's own clips.
    ``senses`` are those to use beside the concepts.
    """

    path: Path
    info: ClipInfo
    public_url: str | None = None
    language: str = "en"
    owner: str = ""
    senses: frozenset[Sense] = frozenset()

    @property
    def has_trusted_link(self) -> bool:
        """Whether the link surely gives others the same bytes, as links to attachments do."""
        return self.public_url is not None and is_signed_attachment(self.public_url)


@dataclass(frozen=True, slots=True)
class ClipLimits:
    """The limits of a clip: bytes if sent by link, bytes if sent whole, milliseconds."""

    by_url: int = 80_000_000
    as_bytes: int = 10_000_000
    duration: int = 600_000


@dataclass(frozen=True, slots=True)
class ProxyLimits:
    """The largest size (bytes) and length (milliseconds) of a clip to make a proxy of.

    A longer clip is sent in parts or, if ``wider``, with fewer frames.
    """

    size: int
    duration: int
    wider: bool = False
