"""What was found, and what moderators are alerted to, as lines of a message."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bot.render import formatting, sanitize

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bot.domain.alerts import Alert, WatchMatch
    from bot.domain.search import SearchHit
    from bot.domain.timeline import Segment
    from bot.i18n import Translator

_MAX_RANGES = 3
# What still fits into a message, whatever is escaped and however long the ids get.
_MAX_SIGHTINGS = 12
_MAX_TAG_LENGTH = 30


def result_line(
    translate: Translator, hit: SearchHit, tag: str, segments: Sequence[Segment]
) -> str:
    """Write one hit: the seconds, linked to its message, the tag, the clip, the day, the poster."""
    parts = [f"[{clocks(segments)}](<{hit.link}>) {_tag(tag)} {formatting.score(_best(segments))}"]
    if hit.position and hit.clips and hit.clips > 1:
        parts.append(_which(translate, hit.position, hit.clips))
    parts.append(f"<#{hit.channel_id}>")
    day = f"<t:{int(hit.posted_at.timestamp())}:d>"
    poster = f"<@{hit.author_id}>"
    parts.append(translate("{day} by {poster}", day=day, poster=poster) if hit.author_id else day)
    return " · ".join(parts)


def alert_text(translate: Translator, alert: Alert) -> str:
    """Write an alert: which message by whom, then a line for each watched tag in each clip."""
    if alert.author_id:
        poster = f"<@{alert.author_id}>"
        heading = translate("Watched tags in {link} by {poster}", link=alert.link, poster=poster)
    else:
        heading = translate("Watched tags in {link}", link=alert.link)
    shown = alert.matches[:_MAX_SIGHTINGS]
    lines = [heading, *(_sighting_line(translate, sighting, alert.clips) for sighting in shown)]
    missing = len(alert.matches) - len(shown)
    return "\n".join([*lines, translate("… and {count} more", count=missing)] if missing else lines)


def clocks(segments: Sequence[Segment]) -> str:
    """Write when a tag is seen, the surest few ranges in order of time: ``0:12–0:15, 0:40–0:41``.

    ``+2`` at the end says how many there are besides.
    """
    surest = sorted(segments, key=lambda segment: -segment.score)[:_MAX_RANGES]
    ordered = sorted(surest, key=lambda segment: segment.start)
    written = ", ".join(formatting.span(segment.start, segment.end) for segment in ordered)
    missing = len(segments) - len(ordered)
    return f"{written} +{missing}" if missing else written


def _sighting_line(translate: Translator, sighting: WatchMatch, clips: int) -> str:
    score = formatting.score(sighting.score)
    line = f"`{clocks(sighting.segments)}` {_tag(sighting.tag)} {score}"
    return f"{line} · {_which(translate, sighting.position, clips)}" if clips > 1 else line


def _which(translate: Translator, number: int, count: int) -> str:
    return translate("clip {number} of {count}", number=number, count=count)


def _tag(tag: str) -> str:
    return sanitize.for_discord(tag, limit=_MAX_TAG_LENGTH)


def _best(segments: Sequence[Segment]) -> float:
    return max(segment.score for segment in segments)
