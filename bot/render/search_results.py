"""Lines of messages about search results and alerts."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from bot.domain.query import MatchKind
from bot.domain.timeline import Segment
from bot.i18n import ENGLISH, Sentence
from bot.render import formatting, sanitize

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from bot.domain.alerts import Alert, WatchMatch
    from bot.domain.query import QueryHit
    from bot.domain.search import SameClip
    from bot.domain.search_results import Reason, SearchPage, SearchResult
    from bot.i18n import Translator

_MAX_RANGES = 3
_MAX_REASONS = 4
_MAX_LINES_LENGTH = 1800
_SENTENCES = {
    MatchKind.TEXT: Sentence("text: {name}"),
    MatchKind.SAID: Sentence("said: {name}"),
    MatchKind.FILE_NAME: Sentence("file: {name}"),
    MatchKind.SENTENCE: Sentence("description: {name}"),
}
# As many lines as fit into a message, even with long IDs and every character escaped.
_MAX_MATCHES = 12
_MAX_TAG_LENGTH = 30


def page_heading(translate: Translator, page: SearchPage) -> str:
    """Write what was looked for, in how many clips it was found, and which page this is."""
    tag = _tag(page.title, limit=40)
    if page.more:
        heading = translate("**{tag}** in more than {count} clips", tag=tag, count=page.count)
    elif page.count == 1:
        heading = translate("**{tag}** in one clip", tag=tag)
    else:
        heading = translate("**{tag}** in {count} clips", tag=tag, count=page.count)
    if page.pages == 1:
        return heading
    where = translate("Page {number} of {count}", number=page.number + 1, count=page.pages)
    return f"{heading} · {where}"


def page_lines(translate: Translator, page: SearchPage, guild_id: int | None) -> list[str]:
    """Write a line for each result of a page, with links into the server ``guild_id``.

    They and the heading fit into a message.
    """
    shown = [replace(result, hit=replace(result.hit, guild_id=guild_id)) for result in page.results]
    versions = (
        [result_line(translate, result, most) for result in shown]
        for most in range(_MAX_REASONS, 1, -1)
    )
    short = [result_line(translate, result) for result in shown]
    return next((each for each in versions if sum(map(len, each)) <= _MAX_LINES_LENGTH), short)


def result_line(translate: Translator, result: SearchResult, most: int = 1) -> str:
    """Write one result: its seconds, linked to the message, why, clip, channel, day and poster."""
    different = tuple(dict.fromkeys(result.reasons))
    reasons = different[:most]
    moments = _moments(result)
    when = format_ranges(moments) if moments else translate("this message")
    if result.together or not moments:
        why = [_listed(translate, [_reason(translate, reason) for reason in reasons])]
    else:
        first, *others = reasons
        why = [_reason(translate, first)]
        why += [_reason(translate, each, when=True) for each in others]
    missing = len(different) - len(reasons)
    why += [translate("{count} more", count=missing)] if missing else []
    linked = f"[{when}](<{result.hit.link}>) {why[0]}".rstrip()
    return " · ".join([linked, *why[1:], *_place(translate, result.hit)])


def plain_reasons(result: SearchResult) -> tuple[str, str]:
    """Write the seconds and the reasons of a result for a terminal, in English."""
    moments = _moments(result)
    if result.together or not moments:
        why = " and ".join(dict.fromkeys(map(_plain_reason, result.reasons)))
    else:
        first, *others = result.reasons
        when = [f"{_plain_reason(each)} {format_ranges(each.segments)}".rstrip() for each in others]
        why = ", ".join([_plain_reason(first), *when])
    return format_ranges(moments) if moments else "", why


def _moments(result: SearchResult) -> Sequence[Segment]:
    """Return the seconds that a result links to: those of all reasons, or of the first one."""
    if len(result.reasons) == 1:
        return result.reasons[0].segments
    if result.together:
        return [Segment("", each.start, each.end, 1) for each in result.together]
    return result.reasons[0].segments if result.reasons else ()


def _reason(translate: Translator, reason: Reason, *, when: bool = False) -> str:
    why = _why(translate, reason, _tag)
    return f"{format_ranges(reason.segments)} {why}" if when and reason.segments else why


def _plain_reason(reason: Reason) -> str:
    return _why(ENGLISH, reason, sanitize.clean)


def _why(translate: Translator, reason: Reason, written: Callable[[str], str]) -> str:
    name = written(reason.name)
    if reason.is_tag:
        return f"{name} {formatting.score(reason.score)}"
    if reason.is_game:
        return translate("game: {name}", name=name)
    return translate(_SENTENCES[reason.kind], name=name)


def _listed(translate: Translator, parts: Sequence[str]) -> str:
    """Write several reasons as one list."""
    *first, last = parts or [""]
    return translate("{some} and {last}", some=", ".join(first), last=last) if first else last


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


def _place(translate: Translator, hit: QueryHit | SameClip) -> Iterator[str]:
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
