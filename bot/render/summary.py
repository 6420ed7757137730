"""A timeline as text: short enough for a message, and whole for a file beside it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bot.render import figures, names

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from bot.domain.concepts import Concept
    from bot.domain.timeline import Span, Timeline

# https://discord.com/developers/docs/resources/message#create-message
MESSAGE_LIMIT = 2000
ATTACHMENT_NAME = "tags.txt"
# Tried in turn until a message fits: how many tags a line may show.
_TAGS_A_LINE = (None, 8, 5, 3)


@dataclass(frozen=True, slots=True)
class TaggedClip:
    """One clip of a report that was tagged."""

    name: str
    timeline: Timeline


@dataclass(frozen=True, slots=True)
class RefusedClip:
    """One clip of a report that was not tagged, and the sentence that says why."""

    name: str
    sentence: str


ReportedClip = TaggedClip | RefusedClip


@dataclass(frozen=True, slots=True)
class Summary:
    """A message of at most ``MESSAGE_LIMIT`` characters, and the whole text if it did not fit."""

    content: str
    attachment: str | None = None


@dataclass(frozen=True, slots=True)
class _Block:
    """One clip's lines, before they are fitted into a message."""

    header: str
    lines: tuple[str, ...] = ()
    footer: tuple[str, ...] = ()

    def __str__(self) -> str:
        return "\n".join((self.header, *self.lines, *self.footer))


def summarise(clips: Sequence[ReportedClip]) -> Summary:
    """Write the reply for all clips of a message.

    What does not fit is shortened in the message and stands whole in the attachment.
    """
    for most in _TAGS_A_LINE:
        content = "\n\n".join(str(_markdown_block(clip, most)) for clip in clips)
        if _size(content) <= MESSAGE_LIMIT:
            return Summary(content, None if most is None else plain(clips))
    blocks = [_markdown_block(clip, _TAGS_A_LINE[-1]) for clip in clips]
    return Summary("\n\n".join(_fit(blocks, MESSAGE_LIMIT)), plain(clips))


def plain(clips: Sequence[ReportedClip]) -> str:
    """Write everything as plain text, for a file or a pipe; ends with a line break."""
    return "\n\n".join(str(_plain_block(clip)) for clip in clips) + "\n"


def span_clock(span: Span) -> str:
    """Write a span's time: ``0:04–0:15``, the end exclusive."""
    return f"{figures.clock(span.start)}–{figures.clock(span.end)}"


def empty_line(timeline: Timeline, name: Callable[[str], str]) -> str | None:
    """Say once which seconds have nothing above the threshold; None if all have something."""
    above = figures.threshold(timeline.threshold)
    empty = [span for span in timeline.spans if not span.tags]
    if not empty:
        return None
    if not timeline.segments:
        if timeline.best is None:
            return "Nothing was recognised."
        best = f"{name(timeline.best.name)} {figures.score(timeline.best.score)}"
        return f"Nothing above {above}; the best was {best}."
    return f"Nothing above {above} at {', '.join(span_clock(span) for span in empty)}."


def heading_facts(timeline: Timeline) -> str:
    """Say how long the clip is and which threshold applied: ``15 s · above 0.94``."""
    above = figures.threshold(timeline.threshold)
    return f"{figures.length(timeline.duration)} · above {above}"


def _markdown_block(clip: ReportedClip, most: int | None) -> _Block:
    title = f"**{names.for_discord(clip.name)}**"
    if isinstance(clip, RefusedClip):
        return _Block(f"{title} · {clip.sentence}")
    lines = tuple(
        f"`{span_clock(span)}` {_tags(span.tags, most, names.for_discord)}"
        for span in clip.timeline.spans
        if span.tags
    )
    footer = empty_line(clip.timeline, names.for_discord)
    return _Block(
        f"{title} · {heading_facts(clip.timeline)}", lines, (_bounded(footer),) if footer else ()
    )


def _plain_block(clip: ReportedClip) -> _Block:
    title = names.clean(clip.name, limit=200)
    if isinstance(clip, RefusedClip):
        return _Block(f"{title} · {clip.sentence}")
    spans = [span for span in clip.timeline.spans if span.tags]
    width = max((len(span_clock(span)) for span in spans), default=0)
    lines = tuple(
        f"{span_clock(span):>{width}}  {_tags(span.tags, None, names.clean)}" for span in spans
    )
    footer = empty_line(clip.timeline, names.clean)
    return _Block(f"{title} · {heading_facts(clip.timeline)}", lines, (footer,) if footer else ())


def _tags(tags: Sequence[Concept], most: int | None, name: Callable[[str], str]) -> str:
    shown = [f"{name(tag.name)} {figures.score(tag.score)}" for tag in tags[:most]]
    hidden = len(tags) - len(shown)
    return " · ".join([*shown, f"+{hidden}"] if hidden else shown)


def _bounded(line: str, limit: int = 300) -> str:
    return line if len(line) <= limit else line[:limit].rsplit(",", 1)[0] + ", …"


def _fit(blocks: Sequence[_Block], limit: int) -> list[str]:
    """Give each clip a fair share of the message; what a short one leaves goes to the longer."""
    fitted: dict[int, str] = {}
    left = limit - 2 * (len(blocks) - 1)
    for position, index in enumerate(sorted(range(len(blocks)), key=lambda i: _size(blocks[i]))):
        text = _shorten(blocks[index], left // (len(blocks) - position))
        fitted[index] = text
        left -= _size(text)
    return [fitted[index] for index in range(len(blocks))]


def _shorten(block: _Block, limit: int) -> str:
    """Keep the header and as many lines as fit, then say how many are in the attachment."""
    if _size(block) <= limit:
        return str(block)
    kept = [block.header]
    room = limit - _size(block.header) - _size(_more_line(len(block.lines)))
    for line in block.lines:
        room -= _size(line) + 1
        if room < 1:
            break
        kept.append(line)
    missing = len(block.lines) - (len(kept) - 1)
    return "\n".join([*kept, _more_line(missing)])


def _more_line(missing: int) -> str:
    return f"… {missing} more lines in {ATTACHMENT_NAME}"


def _size(text: object) -> int:
    """Count as Discord's own clients do, in UTF-16 units: never fewer than the server counts."""
    return len(str(text).encode("utf-16-le")) // 2
