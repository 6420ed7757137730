"""What a server can set, and how people write it."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from bot.domain.concepts import TaggerIdentity


@dataclass(frozen=True, slots=True)
class Flicker:
    """What is too short to be told, in seconds.

    A tag missing for at most ``gap`` seconds goes on; one seen for less than ``shortest`` is left
    out. ``Flicker(0, 1)`` tells everything.
    """

    gap: int = 1
    shortest: int = 1


@dataclass(frozen=True, slots=True)
class Place:
    """Where a message was posted: its channel, the one a thread is in and its category."""

    channel_ids: frozenset[int]
    nsfw: bool = False


@dataclass(frozen=True, slots=True)
class GuildSettings:
    """One server's settings.

    ``thresholds`` maps a tagger, written ``name:model``, to a score 0-1: scores of different models
    are not comparable, so a server that changes its tagger keeps a threshold for each.
    ``retention_days`` is for how many days its posted clips are known; None, as long as may be.

    Which posted clips are answered by themselves: ``autotag`` switches it off; a message's place
    must be among ``channels_allowed``, if there are any, and not among ``channels_denied``; its
    author must have one of ``roles_allowed``, if there are any. How they are answered:
    ``only_when_found`` says nothing where nothing was found, ``in_thread`` answers in a thread,
    ``picture`` adds the timeline, ``tags_a_line`` is the most a line shows. ``hidden_tags`` are
    shown nowhere, however they are capitalised; ``language`` is an ISO 639-1 code.
    """

    guild_id: int
    thresholds: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))
    retention_days: int | None = None
    autotag: bool = True
    channels_allowed: frozenset[int] = frozenset()
    channels_denied: frozenset[int] = frozenset()
    roles_allowed: frozenset[int] = frozenset()
    nsfw_channels: bool = True
    only_when_found: bool = False
    in_thread: bool = False
    picture: bool = True
    hidden_tags: frozenset[str] = frozenset()
    tags_a_line: int | None = None
    gap: int = 1
    shortest: int = 1
    language: str = "en"

    def threshold_for(self, identity: TaggerIdentity, fallback: float | None = None) -> float:
        """Return this server's threshold, else ``fallback``, else the tagger's own."""
        default = identity.default_threshold if fallback is None else fallback
        return self.thresholds.get(str(identity), default)

    @property
    def flicker(self) -> Flicker:
        """What this server finds too short to be told."""
        return Flicker(self.gap, self.shortest)

    def notices(self, place: Place, role_ids: Collection[int]) -> bool:
        """Tell whether a clip posted in this place, by somebody with these roles, is answered."""
        if not self.autotag or (place.nsfw and not self.nsfw_channels):
            return False
        if self.channels_denied & place.channel_ids:
            return False
        if self.channels_allowed and not self.channels_allowed & place.channel_ids:
            return False
        return not self.roles_allowed or not self.roles_allowed.isdisjoint(role_ids)


def parse_threshold(text: str) -> float | None:
    """Read a score as people write it: ``0.9``, ``.9``, ``0,9`` or ``90%``; None if it is none.

    A bare number over 1 is refused rather than guessed at: ``90`` may be a slip for ``0.90``.
    """
    written = text.strip().replace(",", ".")
    percent = written.endswith("%")
    try:
        number = float(written.removesuffix("%").strip()) / (100 if percent else 1)
    except ValueError:
        return None
    return number if math.isfinite(number) and 0 <= number < 1 else None
