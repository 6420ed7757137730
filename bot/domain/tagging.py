"""What a tagger saw in a clip, and how it is stored."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bot.domain.clip import ClipInfo
    from bot.domain.concepts import Frame, TaggerIdentity

MOST_STILLS = 24


@dataclass(frozen=True, slots=True)
class Still:
    """A small picture of one second of a clip, as the bytes of a JPEG."""

    second: int
    jpeg: bytes


@dataclass(frozen=True, slots=True)
class Seen:
    """What a tagger saw: frames in order of time, none past the clip's end.

    ``stills``, at most ``MOST_STILLS`` in order of time, come where the clip was decoded here;
    ``proxied`` where the tagger was shown small pictures of the clip instead of the clip itself.
    ``billed`` says how many frames that cost, where it was not those.
    """

    frames: tuple[Frame, ...]
    stills: tuple[Still, ...] = ()
    proxied: bool = False
    billed: int | None = None


@dataclass(frozen=True, slots=True)
class Tagging:
    """The raw concepts of one clip by one tagger, in order of time; no setting has touched them.

    ``stills`` and ``proxied`` are as in ``Seen``.
    """

    info: ClipInfo
    frames: tuple[Frame, ...]
    tagger: TaggerIdentity
    stills: tuple[Still, ...] = ()
    proxied: bool = False
