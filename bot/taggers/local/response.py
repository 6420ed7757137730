"""Taking apart what a child says of a clip; one that a clip took over may say anything."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any, TypeVar

from bot.domain.concepts import Concept, Frame
from bot.domain.tagging import MAX_THUMBNAILS, Observations, Thumbnail
from bot.errors import Damaged

if TYPE_CHECKING:
    from collections.abc import Callable

Read = TypeVar("Read")

MAX_THUMBNAIL_BYTES = 16 * 1024  # several times what a still needs
_JPEG = b"\xff\xd8\xff"
_NONSENSE = (AttributeError, KeyError, OverflowError, TypeError, ValueError)


def read_observations(answer: Any, seconds: int) -> Observations:
    """Return what the child saw in a clip of so many seconds.

    A still is small and begins like a JPEG; whoever draws it finds out whether it is one. Raises
    ``Damaged`` for nonsense.
    """
    return _sensibly(
        lambda: Observations(_frames(answer["frames"]), _thumbnails(answer["thumbnails"], seconds))
    )


def read_thumbnails(answer: Any, seconds: int) -> tuple[Thumbnail, ...]:
    """Return a child's stills of a clip of so many seconds; raises ``Damaged`` for nonsense."""
    return _sensibly(lambda: _thumbnails(answer, seconds))


def read_done(said: Any) -> int:
    """Return how many frames a child says are done. Raises ``Damaged`` for nonsense."""
    return _sensibly(lambda: int(said))


def _sensibly(read: Callable[[], Read]) -> Read:
    try:
        return read()
    except _NONSENSE as error:
        raise Damaged(detail=f"the child found nonsense: {error!r}") from error


def _frames(said: Any) -> tuple[Frame, ...]:
    return tuple(
        Frame(
            _time(frame["time"]),
            tuple(_concept(str(name), float(score)) for name, score in frame["concepts"]),
        )
        for frame in said
    )


def _time(said: Any) -> int:
    time = int(said)
    if time < 0:
        raise ValueError(f"a time of {time}")
    return time


def _concept(name: str, score: float) -> Concept:
    if not 0 <= score <= 1 or not name.isprintable():
        raise ValueError(f"{name!r} with a score of {score}")
    return Concept(name[:100], score)


def _thumbnails(said: Any, seconds: int) -> tuple[Thumbnail, ...]:
    if len(said) > MAX_THUMBNAILS:
        raise ValueError(f"{len(said)} stills")
    thumbnails = tuple(_thumbnail(second, jpeg) for second, jpeg in said)
    times = [thumbnail.second for thumbnail in thumbnails]
    if times != sorted(set(times)) or not all(0 <= second < seconds for second in times):
        raise ValueError(f"stills of the seconds {times}")
    return thumbnails


def _thumbnail(second: Any, written: Any) -> Thumbnail:
    jpeg = base64.b64decode(written, validate=True)
    if not jpeg.startswith(_JPEG) or len(jpeg) > MAX_THUMBNAIL_BYTES:
        raise ValueError(f"a still of {len(jpeg)} bytes that begins {jpeg[:3]!r}")
    return Thumbnail(int(second), jpeg)
