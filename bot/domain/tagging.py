"""What a tagger saw in a clip, and how it is stored."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bot.domain.clip import ClipInfo
    from bot.domain.concepts import Frame, TaggerIdentity

MAX_THUMBNAILS = 24


@dataclass(frozen=True, slots=True)
class Thumbnail:
    """A small picture of one second of a clip, as the bytes of a JPEG."""

    second: int
    jpeg: bytes


@dataclass(frozen=True, slots=True)
class Observations:
    """What a tagger saw: frames in order of time, none past the clip's end.

    ``stills``, at most ``MAX_THUMBNAILS`` in order of time, come where the clip was decoded here;
    ``proxied`` where the tagger was shown small pictures of the clip instead of the clip itself.
    ``billed`` says how many frames that cost, where it was not those.
    """

    frames: tuple[Frame, ...]
    thumbnails: tuple[Thumbnail, ...] = ()
    proxied: bool = False
    billed: int | None = None


@dataclass(frozen=True, slots=True)
class Tagging:
    """The raw concepts of one clip by one tagger, in order of time; no setting has touched them.

    ``stills`` and ``proxied`` are as in ``Observations``.
    """

    info: ClipInfo
    frames: tuple[Frame, ...]
    tagger: TaggerIdentity
    thumbnails: tuple[Thumbnail, ...] = ()
    proxied: bool = False
