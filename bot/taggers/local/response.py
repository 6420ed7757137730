"""Validating what a child process answers: a hostile clip may have taken the child over."""

from __future__ import annotations

import base64
from itertools import pairwise
from typing import TYPE_CHECKING, Any, TypeVar

from bot.domain.concepts import Concept, Frame
from bot.domain.kind import Kind
from bot.domain.nudity import NUDITY, SUGGESTIVE
from bot.domain.perceptual_hash import PerceptualHash
from bot.domain.senses import SenseObservations
from bot.domain.tagging import MAX_THUMBNAILS, Observations, Thumbnail
from bot.domain.text_lines import MAX_LINE_LENGTH, MAX_LINES, TextLine
from bot.errors import Damaged
from bot.taggers.local.labels import MAX_CONCEPTS

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

T = TypeVar("T")

MAX_THUMBNAIL_BYTES = 16 * 1024  # several times what a thumbnail needs
MAX_NAME_LENGTH = 100
_JPEG_START = b"\xff\xd8\xff"
_INVALID = (AttributeError, KeyError, OverflowError, TypeError, ValueError)


def read_observations(answer: Any, seconds: int, names: Collection[str]) -> Observations:
    """Return the observations in a child's answer about a clip of ``seconds`` seconds.

    There is at most one frame for each second, and every concept is one of the model's ``names``.
    Of a thumbnail only the size and the first bytes are checked; drawing it shows whether it is a
    JPEG. Raises ``Damaged`` if the answer is invalid.
    """
    return _checked(
        lambda: Observations(
            _frames(answer["frames"], seconds, names),
            _thumbnails(answer["thumbnails"], seconds),
            senses=_senses(answer, seconds),
            kind=None if answer.get("kind") is None else Kind(answer["kind"]),
            perceptual_hash=_hash(answer["hash"], seconds),
        )
    )


def read_thumbnails(answer: Any, seconds: int) -> tuple[Thumbnail, ...]:
    """Return a child's thumbnails of a clip; raises ``Damaged`` if they are invalid."""
    return _checked(lambda: _thumbnails(answer, seconds))


def read_hash(answer: Any, seconds: int) -> PerceptualHash:
    """Return a child's hash of a clip, given in hex; raises ``Damaged`` if it is invalid."""
    return _checked(lambda: _hash(answer, seconds))


def read_senses(answer: Any, seconds: int) -> SenseObservations:
    """Return what the senses observed in a child's clip; raises ``Damaged`` if it is invalid."""
    return _checked(lambda: _senses(answer, seconds))


def read_progress(value: Any, seconds: int) -> int:
    """Return the number of frames a child reports as done; raises ``Damaged`` if it is invalid."""
    return _checked(lambda: min(max(0, int(value)), seconds))


def _checked(read: Callable[[], T]) -> T:
    try:
        return read()
    except _INVALID as error:
        raise Damaged(detail=f"the child sent an invalid answer: {error!r}") from error


def _frames(value: Any, seconds: int, names: Collection[str]) -> tuple[Frame, ...]:
    if len(value) > seconds:
        raise ValueError(f"{len(value)} frames in {seconds} seconds")
    frames = tuple(
        Frame(int(frame["time"]), _concepts(frame["concepts"], names)) for frame in value
    )
    times = [-1, *(frame.second for frame in frames), seconds]
    if any(later <= earlier for earlier, later in pairwise(times)):
        raise ValueError("its frames are not in order, one for each second of the clip")
    return frames


def _concepts(value: Any, names: Collection[str]) -> tuple[Concept, ...]:
    concepts = tuple(_concept(str(name), float(score), names) for name, score in value)
    if len(concepts) > MAX_CONCEPTS or len({each.name for each in concepts}) < len(concepts):
        raise ValueError(f"{len(concepts)} concepts in a frame")
    return concepts


def _concept(name: str, score: float, names: Collection[str]) -> Concept:
    if not 0 <= score <= 1 or name not in names or not name.isprintable():
        raise ValueError(f"{name[:MAX_NAME_LENGTH]!r} with a score of {score}")
    return Concept(name[:MAX_NAME_LENGTH], score)


def _senses(answer: Any, seconds: int) -> SenseObservations:
    text, nudity = answer.get("text"), answer.get("nudity")
    return SenseObservations(
        text=None if text is None else _text(text, seconds),
        nudity=None if nudity is None else _frames(nudity, seconds, (NUDITY, SUGGESTIVE)),
    )


def _text(value: Any, seconds: int) -> tuple[TextLine, ...]:
    if len(value) > MAX_LINES:
        raise ValueError(f"{len(value)} lines of text")
    return tuple(_line(*row, seconds=seconds) for row in value)


def _line(text: Any, start: Any, end: Any, score: Any, *, seconds: int) -> TextLine:
    line = TextLine(str(text), int(start), int(end), float(score))
    if not 0 <= line.start < line.end <= seconds or not 0 <= line.score <= 1:
        raise ValueError(f"a line at {start}-{end} with a score of {score}")
    if not 0 < len(line.text) <= MAX_LINE_LENGTH or _has_surrogates(line.text):
        raise ValueError(f"a line of {len(line.text)} characters")
    return line


def _has_surrogates(text: str) -> bool:
    return any("\ud800" <= character <= "\udfff" for character in text)


def _thumbnails(value: Any, seconds: int) -> tuple[Thumbnail, ...]:
    if len(value) > MAX_THUMBNAILS:
        raise ValueError(f"{len(value)} thumbnails")
    thumbnails = tuple(_thumbnail(second, jpeg) for second, jpeg in value)
    times = [thumbnail.second for thumbnail in thumbnails]
    if times != sorted(set(times)) or not all(0 <= second < seconds for second in times):
        raise ValueError(f"thumbnails at the seconds {times}")
    return thumbnails


def _thumbnail(second: Any, encoded: Any) -> Thumbnail:
    jpeg = base64.b64decode(encoded, validate=True)
    if not jpeg.startswith(_JPEG_START) or len(jpeg) > MAX_THUMBNAIL_BYTES:
        raise ValueError(f"a thumbnail of {len(jpeg)} bytes that begins {jpeg[:3]!r}")
    return Thumbnail(int(second), jpeg)


def _hash(answer: str, seconds: int) -> PerceptualHash:
    found = PerceptualHash.from_bytes(bytes.fromhex(answer))
    if len(found.seconds) != seconds:
        raise ValueError(f"a hash of {len(found.seconds)} seconds, not {seconds}")
    return found
