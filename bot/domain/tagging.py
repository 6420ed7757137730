"""A clip and everything its tagger said of it, as it is stored."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bot.domain.clip import ClipInfo
    from bot.domain.concepts import Frame, TaggerIdentity


@dataclass(frozen=True, slots=True)
class Tagging:
    """The raw concepts of one clip by one tagger, in order of time; no setting has touched them."""

    info: ClipInfo
    frames: tuple[Frame, ...]
    tagger: TaggerIdentity
