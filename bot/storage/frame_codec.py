"""Encoding observations as bytes: compressed JSON in columns, each concept's name written once.

JSON writes a float with enough digits to read the same float back, so scores are exact.
"""

from __future__ import annotations

import base64
import json
import struct
import zlib
from typing import TYPE_CHECKING

from bot.domain.concepts import Concept, Frame
from bot.domain.tagging import SecondRange, Thumbnail
from bot.domain.text_lines import TextLine

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

FRAMES_FORMAT = 1
"""Stored with the bytes; raise it whenever the format below changes.

Format 1: ``{"names": [str], "frames": [[time in ms, [index into names], [score]]]}``.
"""
_THUMBNAILS = b"\0"  # begins stored thumbnails
_THUMBNAIL = struct.Struct(">II")  # the second, and the length of the JPEG


def encode(frames: Iterable[Frame]) -> bytes:
    """Return the frames as bytes of ``FRAMES_FORMAT``."""
    names: dict[str, int] = {}
    rows = [
        (
            frame.time,
            [names.setdefault(concept.name, len(names)) for concept in frame.concepts],
            [concept.score for concept in frame.concepts],
        )
        for frame in frames
    ]
    content = json.dumps({"names": list(names), "frames": rows}, separators=(",", ":"))
    return zlib.compress(content.encode("ascii"))


def decode(payload: bytes) -> tuple[Frame, ...]:
    """Return the frames that ``encode`` was given, exactly."""
    content = json.loads(zlib.decompress(payload))
    names: list[str] = content["names"]
    return tuple(
        Frame(time, _concepts(names, indices, scores))
        for time, indices, scores in content["frames"]
    )


def encode_thumbnails(thumbnails: Iterable[Thumbnail]) -> bytes:
    """Return thumbnails as bytes: a zero, then the second, the length and the JPEG of each."""
    return _THUMBNAILS + b"".join(
        _THUMBNAIL.pack(thumbnail.second, len(thumbnail.jpeg)) + thumbnail.jpeg
        for thumbnail in thumbnails
    )


def decode_thumbnails(payload: bytes | None) -> tuple[Thumbnail, ...]:
    """Return the thumbnails that ``encode_thumbnails`` was given; none for None.

    Earlier versions stored JSON of ``[second, base64 of the JPEG]``.
    """
    if payload and not payload.startswith(_THUMBNAILS):
        return tuple(
            Thumbnail(second, base64.b64decode(jpeg)) for second, jpeg in json.loads(payload)
        )
    return tuple(_thumbnails(payload or _THUMBNAILS))


def encode_text(lines: Iterable[TextLine]) -> bytes:
    """Return lines of text as bytes: compressed JSON of ``[text, start, end, score]``."""
    rows = [(line.text, line.start, line.end, line.score) for line in lines]
    return zlib.compress(json.dumps(rows, separators=(",", ":")).encode("ascii"))


def decode_text(payload: bytes) -> tuple[TextLine, ...]:
    """Return the lines that ``encode_text`` was given."""
    return tuple(TextLine(*row) for row in json.loads(zlib.decompress(payload)))


def encode_ranges(ranges: Iterable[SecondRange]) -> str | None:
    """Return ranges of seconds as JSON of ``[start, end]``; None if there are none."""
    pairs = [(each.start, each.end) for each in ranges]
    return json.dumps(pairs, separators=(",", ":")) if pairs else None


def decode_ranges(text: str | None) -> tuple[SecondRange, ...]:
    """Return the ranges that ``encode_ranges`` was given."""
    return tuple(SecondRange(*pair) for pair in json.loads(text or "[]"))


def _thumbnails(payload: bytes) -> Iterator[Thumbnail]:
    start = len(_THUMBNAILS)
    while start < len(payload):
        second, length = _THUMBNAIL.unpack_from(payload, start)
        start += _THUMBNAIL.size + length
        yield Thumbnail(second, payload[start - length : start])


def _concepts(
    names: Sequence[str], indices: Iterable[int], scores: Iterable[float]
) -> tuple[Concept, ...]:
    pairs = zip(indices, scores, strict=True)
    return tuple(Concept(names[index], score) for index, score in pairs)
