"""A report: timelines made ready for Discord, as text with a picture a clip.

Imports Pillow when it draws, so call it in a thread.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bot.render.summary import ATTACHMENT_NAME, PLAIN_STYLE, TaggedClip, summarize

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from bot.i18n import Translator
    from bot.render.summary import ReportedClip, Style, Summary

# https://discord.com/developers/docs/resources/message#create-message: files of a message
_MAX_FILES = 10


@dataclass(frozen=True, slots=True)
class ReportFile:
    """A file beside a message; ``description`` says in words what a picture shows."""

    name: str
    content: bytes
    description: str | None = None
    spoiler: bool = False


@dataclass(frozen=True, slots=True)
class Report:
    """What a reply consists of.

    ``threshold`` (0-1) is what its tags are above; None where there is nothing to explore.
    """

    content: str
    files: tuple[ReportFile, ...] = ()
    threshold: float | None = None


def make_report(
    clips: Sequence[ReportedClip], style: Style = PLAIN_STYLE, *, picture: bool = True
) -> Report:
    """Write the reply for all clips of a message, and draw the timeline of each."""
    summary = summarize(clips, style)
    files = [*_text(summary), *(_pictures(clips, style.translate) if picture else ())]
    return Report(summary.content, tuple(files[:_MAX_FILES]), _threshold(clips))


def _text(summary: Summary) -> Iterator[ReportFile]:
    if summary.attachment is not None:
        yield ReportFile(ATTACHMENT_NAME, summary.attachment.encode())


def _pictures(clips: Sequence[ReportedClip], translate: Translator) -> Iterator[ReportFile]:
    """Draw each clip in which something was found."""
    from bot.render.picture import describe, draw  # noqa: PLC0415 - Pillow is for who draws

    for number, clip in enumerate(clips, 1):
        if not isinstance(clip, TaggedClip) or not clip.timeline.segments:
            continue
        name = "timeline.png" if len(clips) == 1 else f"timeline-{number}.png"
        drawn = draw(
            clip.name, clip.timeline, thumbnails=clip.tagging.thumbnails, translate=translate
        )
        said = describe(clip.name, clip.timeline, translate=translate)
        yield ReportFile(name, drawn, said, spoiler=clip.spoiler)


def _threshold(clips: Sequence[ReportedClip]) -> float | None:
    return next((clip.timeline.threshold for clip in clips if isinstance(clip, TaggedClip)), None)
