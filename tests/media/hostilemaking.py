"""Files made to hurt whoever opens them: too big, endless, lying, cut off, disguised."""

from __future__ import annotations

import random
import struct
import zipfile
import zlib
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from bot.domain.clip import ClipFormat
from tests.conftest import CLIPS
from tests.media.clipmaking import Recipe, claim, gif, growing_clip, make_clip

if TYPE_CHECKING:
    from collections.abc import Callable

HOUR = 3600  # seconds
MEGABYTE = 1024 * 1024
BOMB = 300 * MEGABYTE  # what the packed index of a few hundred kilobytes grows to
JPEG_SIZE = b"\xff\xc0\x00\x11\x08"  # ITU T.81, B.2.2: height and width follow
# GIF89a, section 23: put back, after this frame, what was there before it
RESTORE_PREVIOUS = 3 << 2
HEADS = {
    "mp4": b"\0\0\0\x18ftypisom\0\0\0\0isommp42",
    "matroska": b"\x1a\x45\xdf\xa3\x8b\x42\x82\x88matroska",
    "avi": b"RIFF\0\0\x10\0AVI LIST",
    "ogg": b"OggS\0\x02",
    "gif": b"GIF89a",
}


@dataclass(frozen=True, slots=True)
class Hostile:
    """A file, and how tagging it may end: the codes of errors, or ``frames``."""

    make: Callable[[], bytes]
    ends: tuple[str, ...]


def corpus() -> dict[str, Hostile]:
    """Return every file by what it is."""
    return {**_huge(), **_endless(), **_lying(), **_broken(), **_disguised()}


def _huge() -> dict[str, Hostile]:
    return {
        "a picture of 15360x15360": Hostile(lambda: gif([10], width=15360, height=15360), DAMAGED),
        "a picture that grows to 15360x15360": Hostile(_growing, DAMAGED),
        "pictures as big as we read, kept twice": Hostile(_greedy_gif, EITHER),
        "an index that unpacks to 300 MB": Hostile(_packed_index, DAMAGED),
        "an index of a billion pictures": Hostile(_long_index, DAMAGED),
    }


def _endless() -> dict[str, Hostile]:
    return {
        "a GIF of 300,000 frames": Hostile(lambda: gif([2] * 300_000), ("too_long",)),
        "a GIF that loops for ever": Hostile(lambda: gif([50, 50], loops=0), FRAMES),
        "a GIF of a frame that stays": Hostile(lambda: gif([65_535]), ("too_long",)),
    }


def _lying() -> dict[str, Hostile]:
    return {
        "0.06 s by its header, three hours by its pictures": Hostile(_hours, ("too_long",)),
        "pictures in another file": Hostile(_elsewhere, DAMAGED),
        "its index at the end": Hostile(lambda: _clip(ClipFormat.MP4), FRAMES),
        "sound alone": Hostile(
            lambda: _clip(ClipFormat.OGG, pictures=0, sound=1.0), ("not_a_video",)
        ),
    }


def _broken() -> dict[str, Hostile]:
    cut = {f"half of a {each}": Hostile(lambda each=each: _half(each), EITHER) for each in ClipFormat}
    noise = {
        f"{name}, then noise": Hostile(lambda head=head: head + _noise(), DAMAGED_OR_NO_VIDEO)
        for name, head in HEADS.items()
    }
    return {
        "nothing": Hostile(bytes, UNSUPPORTED),
        "noise": Hostile(_noise, UNSUPPORTED),
        **cut,
        **noise,
    }
