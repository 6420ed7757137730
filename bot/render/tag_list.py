"""The list of all tags of a report with their ranges, in pages that fit a message."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bot.render import formatting, sanitize
from bot.render.summary import MESSAGE_LIMIT, TaggedClip, clip_facts, span_clock

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from bot.domain.timeline import Segment
    from bot.i18n import Translator
    from bot.render.summary import ReportedClip

_MAX_LINES = 15
_MAX_RANGES = 12  # of one tag; the exports have all of them
_FOOTER_LENGTH = 60  # characters


@dataclass(frozen=True, slots=True)
class TagPage:
    """A page: its text, the index of the clip that it is about, and the tags on it."""

    text: str
    clip: int
    tags: tuple[str, ...]


def tag_pages(clips: Sequence[ReportedClip], translate: Translator) -> list[TagPage]:
    """Return pages with one line per tag, highest score first; at least one page."""
    pages: list[tuple[int, list[str], list[str]]] = []
    for number, clip in enumerate(clips):
        room = 0
        header = _header(clip, translate)
        for tag, line in _lines(clip, translate):
            size = len(line.encode("utf-16-le")) // 2 + 1
            if size > room or len(pages[-1][1]) > _MAX_LINES:
                pages.append((number, [header], []))
                room = MESSAGE_LIMIT - _FOOTER_LENGTH - len(header.encode("utf-16-le")) // 2
            pages[-1][1].append(line)
            pages[-1][2].extend([tag] if tag else [])
            room -= size
    return [
        TagPage(
            _with_page_number("\n".join(lines), number, len(pages), translate), clip, tuple(tags)
        )
        for number, (clip, lines, tags) in enumerate(pages)
    ]


def _header(clip: ReportedClip, translate: Translator) -> str:
    title = f"**{sanitize.for_discord(clip.name)}**"
    return (
        f"{title} · {clip_facts(clip, sanitize.for_discord, translate)}"
        if isinstance(clip, TaggedClip)
        else title
    )


def _lines(clip: ReportedClip, translate: Translator) -> Iterator[tuple[str | None, str]]:
    """Yield each line with the tag that it is about, if it is about one."""
    if not isinstance(clip, TaggedClip):
        yield None, clip.sentence
        return
    by_tag: dict[str, list[Segment]] = {}
    for segment in clip.timeline.segments:
        by_tag.setdefault(segment.tag, []).append(segment)
    if not by_tag:
        above = formatting.thresholds(clip.timeline)
        yield None, translate("Nothing scored above {above}.", above=above)
    for tag, segments in sorted(by_tag.items(), key=lambda item: (-_best(item[1]), item[0])):
        score = formatting.score(_best(segments))
        yield tag, f"{sanitize.for_discord(tag)} {score} {_ranges(segments)}"


def _best(segments: Iterable[Segment]) -> float:
    return max(segment.score for segment in segments)


def _ranges(segments: Sequence[Segment]) -> str:
    shown = [f"`{span_clock(segment)}`" for segment in segments[:_MAX_RANGES]]
    hidden = len(segments) - len(shown)
    return " ".join([*shown, f"+{hidden}"] if hidden else shown)


def _with_page_number(page: str, number: int, count: int, translate: Translator) -> str:
    if count == 1:
        return page
    return f"{page}\n-# {translate('Page {number} of {count}', number=number + 1, count=count)}"
