"""A timeline as text: short for a message, complete for an attached file."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING

from bot.domain.concepts import Concept
from bot.domain.tagging import ranges_of
from bot.i18n import ENGLISH
from bot.render import formatting, sanitize, screen_text
from bot.render.clip_kind import kind_name

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from bot.domain.tagging import SecondRange, Tagging
    from bot.domain.timeline import Segment, Span, Timeline
    from bot.i18n import Translator

# https://discord.com/developers/docs/resources/message#create-message
MESSAGE_LIMIT = 2000
ATTACHMENT_NAME = "tags.txt"
# Limits of tags per line, tried in turn until the message fits.
_TAGS_A_LINE = (None, 8, 5, 3)
# A clip with more lines is summarized by its strongest ranges, which can be read at a glance.
_MAX_LINES = 12


@dataclass(frozen=True, slots=True)
class TaggedClip:
    """A tagged clip of a report; ``spoiler`` if posted as one, ``game`` if it shows a known one.

    ``seen_before`` is a link to the first message with the clip that readers may follow.
    ``corrected`` are the tags that the server hides for this clip, as somebody said they are wrong.
    """

    name: str
    timeline: Timeline
    tagging: Tagging
    spoiler: bool = False
    game: str | None = None
    seen_before: str | None = None
    corrected: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RefusedClip:
    """A clip of a report that was not tagged, and the sentence that says why."""

    name: str
    sentence: str


ReportedClip = TaggedClip | RefusedClip


@dataclass(frozen=True, slots=True)
class Style:
    """A server's style of summaries: their language, and the most tags per line."""

    translate: Translator = ENGLISH
    tags_a_line: int | None = None


PLAIN_STYLE = Style()


@dataclass(frozen=True, slots=True)
class Summary:
    """A message of at most ``MESSAGE_LIMIT`` characters, and the full text if it did not fit."""

    content: str
    attachment: str | None = None


@dataclass(frozen=True, slots=True)
class _Block:
    """One clip's lines before they are fitted into a message; ``more`` counts omitted ones."""

    translate: Translator
    header: str
    lines: tuple[str, ...] = ()
    footer: tuple[str, ...] = ()
    more: int = 0

    def __str__(self) -> str:
        more = (_more_line(self.translate, self.more),) if self.more else ()
        return "\n".join((self.header, *self.lines, *more, *self.footer))


def summarize(clips: Sequence[ReportedClip], style: Style = PLAIN_STYLE) -> Summary:
    """Write the summary of all clips of a message.

    If it does not fit, the message is shortened and the attachment has the full text.
    """
    whole = all(map(_is_short, clips))
    for most in _TAGS_A_LINE:
        content = "\n\n".join(str(_markdown_block(clip, most, style)) for clip in clips)
        if _size(content) <= MESSAGE_LIMIT:
            return Summary(content, None if whole and most is None else plain(clips, style))
    blocks = [_markdown_block(clip, _TAGS_A_LINE[-1], style) for clip in clips]
    return Summary("\n\n".join(_fit(blocks, MESSAGE_LIMIT)), plain(clips, style))


def plain(clips: Iterable[ReportedClip], style: Style = PLAIN_STYLE) -> str:
    """Write the full text without markup, for a file or a pipe; it ends with a line break."""
    return "\n\n".join(str(_plain_block(clip, style)) for clip in clips) + "\n"


def span_clock(span: Span | Segment | SecondRange) -> str:
    """Format a span's time: ``0:04–0:15``, the end exclusive."""
    return f"{formatting.clock(span.start)}–{formatting.clock(span.end)}"


def empty_line(
    clip: TaggedClip, name: Callable[[str], str], translate: Translator = ENGLISH
) -> str | None:
    """Return a line about the seconds without tags that could be read; None if there are none."""
    timeline = clip.timeline
    above = formatting.thresholds(timeline)
    unreadable = {s for each in clip.tagging.unreadable for s in range(each.start, each.end)}
    untagged = (second.second for second in timeline.seconds if not second.tags)
    empty = ranges_of(second for second in untagged if second not in unreadable)
    if not empty:
        return None
    if not timeline.segments:
        if timeline.best is None:
            return translate("I couldn't make out anything in this clip.")
        best = f"{name(timeline.best.name)} {formatting.score(timeline.best.score)}"
        return translate(
            "Nothing scored above {above}. The best match was {best}.", above=above, best=best
        )
    spans = ", ".join(span_clock(span) for span in empty)
    return translate("Nothing scored above {above} at {spans}.", above=above, spans=spans)


def heading_facts(timeline: Timeline, translate: Translator = ENGLISH) -> str:
    """Return the clip's length and the threshold that applied: ``15 s · above 0.94``."""
    above = translate("tags above {threshold}", threshold=formatting.thresholds(timeline))
    return f"{formatting.length(timeline.duration, translate)} · {above}"


def clip_facts(clip: TaggedClip, name: Callable[[str], str], translate: Translator) -> str:
    """Return the facts in a clip's heading: its length, the threshold, and its game or kind."""
    facts = heading_facts(clip.timeline, translate)
    shown = name(clip.game) if clip.game else kind_name(clip.tagging.kind, translate)
    return f"{facts} · {shown}" if shown else facts


def _markdown_block(clip: ReportedClip, most: int | None, style: Style) -> _Block:
    translate = style.translate
    title = f"**{sanitize.for_discord(clip.name)}**"
    if isinstance(clip, RefusedClip):
        return _Block(translate, f"{title} · {clip.sentence}")
    header = f"{title} · {clip_facts(clip, sanitize.for_discord, translate)}"
    most = min(filter(None, (most, style.tags_a_line)), default=None)
    if not _is_short(clip):
        lines = [_line(s[0], _concepts(s), most) for s in _strongest(clip.timeline)]
        more = len(lines) - _MAX_LINES
        footer = (*_text(clip, translate), *_notes(clip, translate), *_seen_before(clip, translate))
        return _Block(translate, header, tuple(lines[:_MAX_LINES]), footer, more)
    lines = [_line(span, span.tags, most) for span in clip.timeline.spans if span.tags]
    empty = empty_line(clip, sanitize.for_discord, translate)
    footer = ((_bounded(empty),) if empty else ()) + _text(clip, translate)
    footer = (*footer, *_notes(clip, translate), *_seen_before(clip, translate))
    return _Block(translate, header, tuple(lines), footer)


def _is_short(clip: ReportedClip) -> bool:
    """Return whether a clip is short enough to list every span."""
    if isinstance(clip, RefusedClip):
        return True
    return len([span for span in clip.timeline.spans if span.tags]) <= _MAX_LINES


def _line(span: Span | Segment, tags: Sequence[Concept], most: int | None) -> str:
    return f"`{span_clock(span)}` {_tags(tags, most, sanitize.for_discord)}"


def _strongest(timeline: Timeline) -> list[list[Segment]]:
    """Return groups of segments with the same range, by highest score, then by length."""
    by_range = sorted(timeline.segments, key=lambda s: (s.start, s.end, -s.score, s.tag))
    ranges = [list(group) for _, group in groupby(by_range, key=lambda s: (s.start, s.end))]
    return sorted(ranges, key=_strength)


def _strength(segments: Sequence[Segment]) -> tuple[int, int, int]:
    """Rank by the score as shown, then by length, so that scores that look equal rank equally."""
    first = segments[0]
    return -math.floor(first.score * 100 + 1e-9), first.start - first.end, first.start


def _concepts(segments: Iterable[Segment]) -> list[Concept]:
    return [Concept(segment.tag, segment.score) for segment in segments]


def unreadable_line(tagging: Tagging, translate: Translator = ENGLISH) -> str | None:
    """Return a line about the seconds that could not be decoded; None if all could."""
    if not tagging.unreadable:
        return None
    spans = ", ".join(map(span_clock, tagging.unreadable))
    return _bounded(translate("I couldn't read {spans}.", spans=spans))


def _notes(clip: TaggedClip, translate: Translator) -> tuple[str, ...]:
    proxied = translate(
        "The tagger didn't accept this clip, so I showed it small pictures from the clip instead."
    )
    notes = (unreadable_line(clip.tagging, translate), proxied if clip.tagging.proxied else None)
    return tuple(filter(None, notes))


def _text(clip: TaggedClip, translate: Translator) -> tuple[str, ...]:
    return tuple(screen_text.reply_lines(clip.tagging.text or (), translate))


def _seen_before(clip: TaggedClip, translate: Translator) -> tuple[str, ...]:
    """Return a line with the link to an earlier message; an attached file has no use for it."""
    link = clip.seen_before
    if link is None:
        return ()
    return (translate("I've seen this clip before, in [this message](<{link}>).", link=link),)


def _plain_block(clip: ReportedClip, style: Style) -> _Block:
    translate = style.translate
    title = sanitize.clean(clip.name, limit=200)
    if isinstance(clip, RefusedClip):
        return _Block(translate, f"{title} · {clip.sentence}")
    spans = [span for span in clip.timeline.spans if span.tags]
    width = max((len(span_clock(span)) for span in spans), default=0)
    lines = tuple(
        f"{span_clock(span):>{width}}  {_tags(span.tags, None, sanitize.clean)}" for span in spans
    )
    empty = empty_line(clip, sanitize.clean, translate)
    text = screen_text.plain_lines(clip.tagging.text or (), translate)
    footer = ((empty,) if empty else ()) + tuple(text)
    header = f"{title} · {clip_facts(clip, sanitize.clean, translate)}"
    return _Block(translate, header, lines, (*footer, *_notes(clip, translate)))


def _tags(tags: Sequence[Concept], most: int | None, name: Callable[[str], str]) -> str:
    shown = [f"{name(tag.name)} {formatting.score(tag.score)}" for tag in tags[:most]]
    hidden = len(tags) - len(shown)
    return " · ".join([*shown, f"+{hidden}"] if hidden else shown)


def _bounded(line: str, limit: int = 300) -> str:
    return line if len(line) <= limit else line[:limit].rsplit(",", 1)[0] + ", …"


def _fit(blocks: Sequence[_Block], limit: int) -> list[str]:
    """Give each clip an equal share of the message; shorter clips pass on what they don't use."""
    fitted: dict[int, str] = {}
    left = limit - 2 * (len(blocks) - 1)
    for position, index in enumerate(sorted(range(len(blocks)), key=lambda i: _size(blocks[i]))):
        text = _shorten(blocks[index], left // (len(blocks) - position))
        fitted[index] = text
        left -= _size(text)
    return [fitted[index] for index in range(len(blocks))]


def _shorten(block: _Block, limit: int) -> str:
    """Keep the header and as many lines as fit, and say how many more the attachment has."""
    if _size(block) <= limit:
        return str(block)
    kept = [block.header]
    room = (
        limit
        - _size(block.header)
        - _size(_more_line(block.translate, len(block.lines) + block.more))
    )
    for line in block.lines:
        room -= _size(line) + 1
        if room < 1:
            break
        kept.append(line)
    missing = len(block.lines) - (len(kept) - 1) + block.more
    return "\n".join([*kept, _more_line(block.translate, missing)])


def _more_line(translate: Translator, missing: int) -> str:
    return translate("… and {missing} more in {file}", missing=missing, file=ATTACHMENT_NAME)


def _size(text: object) -> int:
    """Count UTF-16 units, as Discord's clients do; its servers never count more."""
    return len(str(text).encode("utf-16-le")) // 2
