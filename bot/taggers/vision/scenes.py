"""The distinct scenes of a clip, validated: a hostile clip may have taken over the child."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bot.domain.concepts import Frame
from bot.domain.tagging import Thumbnail
from bot.errors import Damaged
from bot.taggers.thumbnail_selection import ThumbnailSelector

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bot.domain.concepts import Concept

_MAX_PICTURE_BYTES = 200_000  # several times what a picture needs
_MAX_THUMBNAIL_BYTES = 16 * 1024
_JPEG_START = b"\xff\xd8\xff"
_SECOND = 1000  # milliseconds
_INVALID = (AttributeError, KeyError, OverflowError, TypeError, ValueError)


@dataclass(frozen=True, slots=True)
class Scenes:
    """The pictures of a clip's scenes as JPEGs, and the scene that each readable second shows.

    ``seconds`` are pairs of a second and the position of its scene, in order of time.
    """

    pictures: tuple[bytes, ...]
    thumbnails: tuple[bytes, ...]
    seconds: tuple[tuple[int, int], ...]

    def frames(self, concepts: Sequence[tuple[Concept, ...]]) -> tuple[Frame, ...]:
        """Return a frame for every readable second, given the concepts of each scene."""
        return tuple(Frame(second * _SECOND, concepts[scene]) for second, scene in self.seconds)

    def chosen_thumbnails(self, concepts: Sequence[tuple[Concept, ...]]) -> tuple[Thumbnail, ...]:
        """Return thumbnails of the seconds at which the concepts change most."""
        selector = ThumbnailSelector()
        for _, scene in self.seconds:
            selector.add(concepts[scene])
        chosen = (self.seconds[position] for position in selector.chosen())
        return tuple(Thumbnail(second, self.thumbnails[scene]) for second, scene in chosen)


def read_scenes(answer: Any, seconds: int, most: int) -> Scenes:
    """Return the scenes in a child's answer about a clip; raises ``Damaged`` if it is invalid."""
    try:
        return _read(answer, seconds, most)
    except _INVALID as error:
        raise Damaged(detail=f"the child sent an invalid answer: {error!r}") from error


def read_progress(value: Any, seconds: int) -> int:
    """Return how many seconds a child has read; raises ``Damaged`` if that is invalid."""
    if isinstance(value, int) and 0 <= value <= seconds:
        return value
    raise Damaged(detail=f"the child reported {value!r} seconds")


def _read(answer: Any, seconds: int, most: int) -> Scenes:
    if not 0 < len(answer["scenes"]) <= most:
        raise ValueError(f"{len(answer['scenes'])} scenes")
    found = [
        (_jpeg(picture, _MAX_PICTURE_BYTES), _jpeg(thumbnail, _MAX_THUMBNAIL_BYTES))
        for picture, thumbnail in answer["scenes"]
    ]
    shown = tuple((int(second), int(scene)) for second, scene in answer["seconds"])
    times = [second for second, _ in shown]
    if times != sorted(set(times)) or not all(0 <= second < seconds for second in times):
        raise ValueError("its seconds are not in order, or not in the clip")
    if {scene for _, scene in shown} != set(range(len(found))):
        raise ValueError("its seconds show other scenes")
    pictures, thumbnails = zip(*found, strict=True)
    return Scenes(pictures, thumbnails, shown)


def _jpeg(encoded: Any, limit: int) -> bytes:
    jpeg = base64.b64decode(encoded, validate=True)
    if not jpeg.startswith(_JPEG_START) or len(jpeg) > limit:
        raise ValueError(f"a picture of {len(jpeg)} bytes that begins {jpeg[:3]!r}")
    return jpeg
