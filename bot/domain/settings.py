"""What a server can set, and how people write it."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bot.domain.concepts import TaggerIdentity


@dataclass(frozen=True, slots=True)
class GuildSettings:
    """One server's settings.

    ``thresholds`` maps a tagger, written ``name:model``, to a score 0-1: scores of different models
    are not comparable, so a server that changes its tagger keeps a threshold for each.
    ``retention_days`` is for how many days its posted clips are known; None, as long as may be.
    """

    guild_id: int
    thresholds: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))
    retention_days: int | None = None

    def threshold_for(self, identity: TaggerIdentity, fallback: float | None = None) -> float:
        """Return this server's threshold, else ``fallback``, else the tagger's own."""
        default = identity.default_threshold if fallback is None else fallback
        return self.thresholds.get(str(identity), default)


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
