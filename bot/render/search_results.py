"""Lines of messages about search results and alerts."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from bot.render import formatting, sanitize

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from bot.domain.alerts import Alert, WatchMatch
    from bot.domain.search import SameClip, SearchHit, SearchPage
    from bot.domain.timeline import Segment
    from bot.i18n import Translator

_MAX_RANGES = 3
# As many lines as fit into a message, even with long IDs and every character escaped.
_MAX_MATCHES = 12
_MAX_TAG_LENGTH = 30


def page_text(translate: Translator, page: SearchPage, guild_id: int | None) -> str:
    """Write a page of results, with links into the server ``guild_id``."""
    tag = _tag(page.tag, limit=40)
    if page.count == 1:
        heading = translate("**{tag}** in one clip", tag=tag)
    else:
        heading = translate("**{tag}** in {count} clips", tag=tag, count=page.count)
    if page.pages > 1:
        where = translate("Page {number} of {count}", number=page.number + 1, count=page.pages)
        heading = f"{heading} · {where}"
    lines = [
        result_line(translate, replace(each.hit, guild_id=guild_id), each.tag, each.segments)
        for each in page.results
    ]
    return "\n".join([heading, *lines])


def result_line(
    translate: Translator, hit: SearchHit, tag: str, segments: Sequence[Segment]
) -> str:
    """Write one hit: its ranges, linked to the message, then tag, clip, channel, day and poster."""
    parts = [
        f"[{format_ranges(segments)}](<{hit.link}>) {_tag(tag)} {formatting.score(_best(segments))}"
    ]
    return " · ".join([*parts, *_place(translate, hit)])


def same_clips_text(translate: Translator, found: Sequence[SameClip], count: int) -> str:
    """Write where a clip was posted, too: ``found`` are the newest of ``count`` messages."""
    if not found:
        return translate("I haven't seen this clip anywhere else that you can see.")
    lines = [
        " · ".join(
            [translate("[this message](<{link}>)", link=each.link), *_place(translate, each)]
        )
        for each in found
    ]
    if count > len(found):
        lines.append(translate("… and {count} more", count=count - len(found)))
    return "\n".join([translate("The same clip is in:"), *lines])


def _place(translate: Translator, hit: SearchHit | SameClip) -> Iterator[str]:
    """Yield the clip's number in its message, the channel, and the day with the poster."""
    if hit.position and hit.clips and hit.clips > 1:
        yield _clip_number(translate, hit.position, hit.clips)
    yield f"<#{hit.channel_id}>"
    day = f"<t:{int(hit.posted_at.timestamp())}:d>"
    poster = f"<@{hit.author_id}>"
    yield translate("{day} by {poster}", day=day, poster=poster) if hit.author_id else day


def alert_text(translate: Translator, alert: Alert) -> str:
    """Write an alert: the message and its poster, then a line for each watched tag of each clip."""
    if alert.author_id:
        poster = f"<@{alert.author_id}>"
        heading = translate(
            "I spotted watched tags in {link}, posted by {poster}:", link=alert.link, poster=poster
        )
    else:
        heading = translate("I spotted watched tags in {link}:", link=alert.link)
    shown = alert.matches[:_MAX_MATCHES]
    lines = [heading, *(_match_line(translate, match, alert.clips) for match in shown)]
    missing = len(alert.matches) - len(shown)
    return "\n".join([*lines, translate("… and {count} more", count=missing)] if missing else lines)


def format_ranges(segments: Sequence[Segment]) -> str:
    """Format the ranges with the highest scores, in time order: ``0:12–0:15, 0:40–0:41``.

    ``+2`` at the end counts those left out.
    """
    best = sorted(segments, key=lambda segment: -segment.score)[:_MAX_RANGES]
    ordered = sorted(best, key=lambda segment: segment.start)
    ranges = ", ".join(formatting.span(segment.start, segment.end) for segment in ordered)
    missing = len(segments) - len(ordered)
    return f"{ranges} +{missing}" if missing else ranges


def _match_line(translate: Translator, match: WatchMatch, clips: int) -> str:
    score = formatting.score(match.score)
    line = f"`{format_ranges(match.segments)}` {_tag(match.tag)} {score}"
    return f"{line} · {_clip_number(translate, match.position, clips)}" if clips > 1 else line


def _clip_number(translate: Translator, number: int, count: int) -> str:
    return translate("clip {number} of {count}", number=number, count=count)


def _tag(tag: str, limit: int = _MAX_TAG_LENGTH) -> str:
    return sanitize.for_discord(tag, limit=limit)


def _best(segments: Sequence[Segment]) -> float:
    return max(segment.score for segment in segments)
