"""A report: the text and files of a reply, with one picture for each clip.

Drawing takes time and imports Pillow: call it in a thread.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bot.render.description import describe_clip
from bot.render.summary import ATTACHMENT_NAME, PLAIN_STYLE, TaggedClip, summarize

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from bot.i18n import Translator
    from bot.render.summary import ReportedClip, Style, Summary

MAX_FILES = 10
"""Files of one message: https://discord.com/developers/docs/resources/message#create-message."""


@dataclass(frozen=True, slots=True)
class ReportFile:
    """A file attached to a message; ``description`` is a picture's alt text."""

    name: str
    content: bytes
    description: str | None = None
    spoiler: bool = False


@dataclass(frozen=True, slots=True)
class Report:
    """The text and files of a reply.

    ``threshold`` (0-1) is the one its tags passed; None if no clip was tagged, so that there is
    nothing for buttons to change.
    """

    content: str
    files: tuple[ReportFile, ...] = ()
    threshold: float | None = None


def make_report(
    clips: Sequence[ReportedClip], style: Style = PLAIN_STYLE, *, picture: bool = True
) -> Report:
    """Write the text for all clips of a message, and draw the timeline of each."""
    summary = summarize(clips, style)
    files = [*_text(summary), *(_pictures(clips, style.translate) if picture else ())]
    return Report(summary.content, tuple(files[:MAX_FILES]), _threshold(clips))


def _text(summary: Summary) -> Iterator[ReportFile]:
    if summary.attachment is not None:
        yield ReportFile(ATTACHMENT_NAME, summary.attachment.encode())


def _pictures(clips: Sequence[ReportedClip], translate: Translator) -> Iterator[ReportFile]:
    """Draw each clip that has tags or text."""
    from bot.render.picture import describe, draw  # noqa: PLC0415 - load Pillow only to draw

    for number, clip in enumerate(clips, 1):
        if not isinstance(clip, TaggedClip) or not (clip.timeline.segments or clip.tagging.text):
            continue
        name = "timeline.png" if len(clips) == 1 else f"timeline-{number}.png"
        drawn = draw(
            clip.name,
            clip.timeline,
            thumbnails=clip.tagging.thumbnails,
            text=clip.tagging.text or (),
            kind=clip.tagging.kind,
            translate=translate,
        )
        said = describe(
            clip.name,
            clip.timeline,
            description=describe_clip(clip.tagging, clip.timeline, clip.game, translate),
            text=clip.tagging.text or (),
            translate=translate,
        )
        yield ReportFile(name, drawn, said, spoiler=clip.spoiler)


def _threshold(clips: Sequence[ReportedClip]) -> float | None:
    return next((clip.timeline.threshold for clip in clips if isinstance(clip, TaggedClip)), None)
