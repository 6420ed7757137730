"""The seconds of each tag as the bits of a number, to see quickly which tags are together."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from bot.domain.search import normalize
from bot.domain.timeline import count_seconds

if TYPE_CHECKING:
    from bot.domain.tagging import Tagging

BITS = 63
"""One for each second, or for equal parts of a longer clip; databases have signed numbers."""


def bit_of(second: int, length: int) -> int:
    """Return the bit of a second in a clip of ``length`` seconds; 0 if it is past its end."""
    return 1 << (second * BITS // max(length, BITS)) if 0 <= second < length else 0


def seconds_above(tagging: Tagging) -> dict[str, int]:
    """Return the seconds of each concept above its tagger's threshold, by normalized name."""
    length, threshold = count_seconds(tagging.info.duration), tagging.tagger.default_threshold
    found: defaultdict[str, int] = defaultdict(int)
    for frame in tagging.frames:
        bit = bit_of(frame.second, length)
        for concept in frame.concepts:
            if concept.score > threshold:
                found[concept.name] |= bit
    named: defaultdict[str, int] = defaultdict(int)
    for name, bits in found.items():
        named[normalize(name)] |= bits
    return named
