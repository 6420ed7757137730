"""Formatting times, lengths and scores for people."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bot.domain.timeline import Timeline
    from bot.i18n import Translator


def clock(seconds: int) -> str:
    """Format a moment of a clip: ``0:04``, ``12:30``, ``1:02:03``."""
    minutes, second = divmod(seconds, 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours}:{minute:02}:{second:02}" if hours else f"{minute}:{second:02}"


def span(start: int, end: int) -> str:
    """Format seconds ``start`` to ``end`` (exclusive): ``0:12–0:15``."""
    return f"{clock(start)}–{clock(end)}"


def length(milliseconds: int, translate: Translator) -> str:
    """Format a clip's length: ``0.4 s``, ``15 s``, ``2:05 min``, ``1:00:00 h``."""
    seconds = milliseconds / 1000
    if seconds < 1:
        return f"{translate.number(max(round(seconds, 1), 0.1))} s"
    whole = round(seconds)
    if whole < 60:  # noqa: PLR2004 - a minute
        return f"{whole} s"
    return f"{clock(whole)} {'min' if whole < 3600 else 'h'}"  # noqa: PLR2004 - an hour


def score(value: float) -> str:
    """Format a score with two decimals, rounded down, as 0.999 is not yet 1."""
    hundredths = math.floor(value * 100 + 1e-9)
    return "1.0" if hundredths >= 100 else f".{hundredths:02}"  # noqa: PLR2004 - a whole


def threshold(value: float) -> str:
    """Format a threshold as it was set: ``0.94``, ``0.5``."""
    return f"{value:.4f}".rstrip("0").rstrip(".") if value else "0"


def thresholds(timeline: Timeline) -> str:
    """Format the threshold of a timeline, or the range of several models' thresholds."""
    each = timeline.thresholds.values() or [timeline.threshold]
    low, high = threshold(min(each)), threshold(max(each))
    return low if low == high else f"{low}–{high}"
