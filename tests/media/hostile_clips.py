"""Hostile files: too big, endless, lying, truncated or disguised.

FFmpeg's ``libavformat/mov.c`` shows how it reads these atoms; they are specified in ISO/IEC
14496-12 and at https://developer.apple.com/documentation/quicktime-file-format.
"""

from __future__ import annotations

import io
import random
import struct
import zipfile
import zlib
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from PIL import Image

from bot.domain.clip import ClipFormat
from tests.conftest import CLIPS
from tests.media.made_clips import WAYS, Recipe, claim, gif, growing_clip, make_clip

if TYPE_CHECKING:
    from collections.abc import Callable

MEGABYTE = 1024 * 1024
# Each of these needs more memory than a child may have.
BOMB = 500  # megabytes after decompression, from an index of two
CROWD = 20_000_000  # pictures in an index; FFmpeg keeps 24 bytes of each
NINETY_MINUTES = 90 * 60
KEPT_BY_NOBODY = b"\x21\xf9\x04\x00"  # GIF89a, section 23
PUT_BACK_AFTERWARDS = b"\x21\xf9\x04\x0c"  # disposal method 3 keeps a second canvas
HEADS = {
    "MP4": b"\0\0\0\x18ftypisom\0\0\0\0isommp42",
    "Matroska": b"\x1a\x45\xdf\xa3\x8b\x42\x82\x88matroska",
    "AVI": b"RIFF\0\0\x10\0AVI LIST",
    "OGG": b"OggS\0\x02",
    "GIF": b"GIF89a",
    "animated WebP": b"RIFF\0\0\x10\0WEBPVP8X\x0a\0\0\0\x02\0\0\0\xff\x3f\0\xff\x3f\0ANIM",
    "AVIF": b"\0\0\0\x1cftypavis\0\0\0\0avismif1miaf",
    "APNG": b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\x1f\xff\0\0\x1f\xff\x08\x06\0\0\0\0\0\0\0"
    b"\0\0\0\x08acTL\0\0\0\x05\0\0\0\0\0\0\0\0",
}
PLAYLISTS = {
    "HLS": "#EXTM3U\n#EXTINF:16,\n{target}\n#EXT-X-ENDLIST\n",
    "ffconcat": "ffconcat version 1.0\nfile '{target}'\n",
    "DASH": '<?xml version="1.0"?><MPD><BaseURL>{target}</BaseURL></MPD>',
    "SDP": "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\nc=IN IP4 127.0.0.1\r\nm=video 5004 RTP/AVP 96\r\n",
}
TARGET = CLIPS / "montage.mov"  # the file that some of them refer to


@dataclass(frozen=True, slots=True)
class Hostile:
    """A file, and the allowed outcomes of tagging it: an error's code, or ``frames``."""

    make: Callable[[], bytes]
    ends: frozenset[str]


def corpus() -> dict[str, Hostile]:
    """Return every file by its description."""
    return {**_greedy(), **_lying(), **_cut(), **_noisy(), **_disguised()}


def _hostile(ends: str, make: Callable[..., bytes], *given: Any, **named: Any) -> Hostile:
    return Hostile(partial(make, *given, **named), frozenset(ends.split(" or ")))


def _greedy() -> dict[str, Hostile]:
    return {
        "a picture of 15360x15360": _hostile(
            "too_large_picture", gif, [10], width=15_360, height=15_360
        ),
        # fits into a child's memory; the limit on pixels refuses it
        "a picture that grows to 9000x9000": _hostile("frames", _growing),
        "two canvases of the biggest size": _hostile("too_large_picture", _two_canvases),
        "an index that unpacks to 500 MB": _hostile("too_large_picture", _packed_index),
        "an index of 20 million pictures": _hostile("damaged", _long_index),
        "an animated PNG of 2800x2800": _hostile("frames or too_large_picture", _large_animation),
        "a GIF of 300,000 frames": _hostile("too_long", gif, [2] * 300_000),
    }


def _lying() -> dict[str, Hostile]:
    sound = {"pictures": 0, "sound": 1.0}
    return {
        "a GIF that loops for ever": _hostile("frames", gif, [50, 50], loops=0),
        "0.06 s by its header, hours by its pictures": _hostile("too_long", _hours),
        "pictures kept in another file": _hostile("damaged", _elsewhere),
        "its index at the end": _hostile("frames", _clip, ClipFormat.MP4),
        "sound alone": _hostile("not_a_video", _clip, ClipFormat.OGG, **sound),
    }


def _cut() -> dict[str, Hostile]:
    index_missing = {ClipFormat.MP4, ClipFormat.MOV}
    return {
        f"half of a {each}": _hostile(
            "damaged" if each in index_missing else "damaged or frames", _half, each
        )
        for each in WAYS
    }


def _noisy() -> dict[str, Hostile]:
    return {
        "nothing": _hostile("unsupported_format", bytes),
        "noise": _hostile("unsupported_format", _noise),
        **{
            f"the head of a {name}, then noise": _hostile(
                "damaged or not_a_video or too_large_picture", _noise, head
            )
            for name, head in HEADS.items()
        },
    }


def _disguised() -> dict[str, Hostile]:
    whole = TARGET.read_bytes()
    lists = {name: text.format(target=TARGET).encode() for name, text in PLAYLISTS.items()}
    return {
        **{name: _hostile("unsupported_format", bytes, text) for name, text in lists.items()},
        "HLS with the head of an MP4": _hostile("damaged", bytes, HEADS["MP4"] + lists["HLS"]),
        "MOV with the head of a GIF": _hostile("damaged", bytes, HEADS["GIF"] + whole),
        "MOV and ZIP": _hostile("frames", bytes, whole + _zip()),
        "ZIP and MOV": _hostile("unsupported_format", bytes, _zip() + whole),
    }


def _clip(clip_format: ClipFormat, **facts: Any) -> bytes:
    with TemporaryDirectory() as folder:
        return make_clip(Path(folder) / "clip", Recipe(clip_format, **facts)).read_bytes()


def _large_animation() -> bytes:
    """Write two pictures of one colour each as an animated PNG."""
    written = io.BytesIO()
    first, second = (Image.new("L", (2800, 2800), colour) for colour in (0, 255))
    first.save(written, "PNG", save_all=True, append_images=[second], duration=500)
    return written.getvalue()


def _half(clip_format: ClipFormat) -> bytes:
    whole = (CLIPS / f"montage.{clip_format}").read_bytes()
    return whole[: len(whole) // 2]


def _noise(head: bytes = b"") -> bytes:
    return head + random.Random(7).randbytes(MEGABYTE)  # noqa: S311 - the same every time


def _zip() -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("autorun.inf", "[autorun]")
    return packed.getvalue()


def _growing() -> bytes:
    """Write an AVI whose header is right about the first picture only."""
    with TemporaryDirectory() as folder:
        return growing_clip(Path(folder) / "clip", (64, 48), (9000, 9000)).read_bytes()


def _two_canvases() -> bytes:
    biggest = gif([100, 100, 100], width=8192, height=8192)
    return biggest.replace(KEPT_BY_NOBODY, PUT_BACK_AFTERWARDS)


def _packed_index() -> bytes:
    """Write a QuickTime file whose index is compressed zeros."""
    packer = zlib.compressobj(1)
    packed = b"".join(packer.compress(bytes(MEGABYTE)) for _ in range(BOMB)) + packer.flush()
    size = struct.pack(">I", BOMB * MEGABYTE)
    compressed = _atom(b"cmov", _atom(b"dcom", b"zlib"), _atom(b"cmvd", size, packed))
    return _atom(b"ftyp", b"qt  ", bytes(4)) + _atom(b"moov", compressed)


def _long_index() -> bytes:
    """Write a chunk of millions of one-byte pictures."""
    made = _clip(ClipFormat.MP4, pictures=1)
    made = _patched(made, b"stsz", 4, 1, CROWD)
    made = _patched(made, b"stts", 8, CROWD)
    return _patched(made, b"stsc", 12, CROWD)


def _hours() -> bytes:
    """Stretch twelve pictures to one every ninety minutes."""
    edits = (("use_editlist", "0"),)
    made = _clip(ClipFormat.MP4, pictures=12, rate=1, options=edits)
    delta = made.index(b"stts") + 16
    tick = int.from_bytes(made[delta : delta + 4], "big")
    return claim(_patched(made, b"stts", 12, tick * NINETY_MINUTES), duration=60)


def _elsewhere() -> bytes:
    """Remove a clip's pictures and name the file that has them, as an alias record does."""
    path = str(TARGET).encode()
    path += bytes(len(path) % 2)
    alias = bytes(150) + struct.pack(">hH", 2, len(path)) + path + struct.pack(">hH", -1, 0)
    reference = _atom(b"alis", bytes(4), alias)
    made = TARGET.read_bytes()
    begin, end = made.index(b"mdat") + 4, made.index(b"moov") - 4
    return _with_reference(made[:begin] + bytes(end - begin) + made[end:], reference)


def _with_reference(movie: bytes, reference: bytes) -> bytes:
    """Replace the only data reference (ISO 14496-12, 8.7.2)."""
    start = movie.index(b"dref") + 12
    old = int.from_bytes(movie[start : start + 4], "big")
    grown = bytearray(movie[:start] + reference + movie[start + old :])
    for kind in (b"moov", b"trak", b"mdia", b"minf", b"dinf", b"dref"):
        start = movie.index(kind) - 4
        size = int.from_bytes(movie[start : start + 4], "big") + len(reference) - old
        grown[start : start + 4] = struct.pack(">I", size)
    return bytes(grown)


def _atom(kind: bytes, *content: bytes) -> bytes:
    body = b"".join(content)
    return struct.pack(">I4s", 8 + len(body), kind) + body


def _patched(movie: bytes, kind: bytes, offset: int, *numbers: int) -> bytes:
    """Write other 32-bit numbers into the first atom of a kind, ``offset`` bytes into it."""
    start = movie.index(kind) + 4 + offset
    packed = struct.pack(f">{len(numbers)}I", *numbers)
    return movie[:start] + packed + movie[start + len(packed) :]
