"""A report in every form it can be taken away in."""

from __future__ import annotations

import io
import zipfile
from typing import TYPE_CHECKING

from bot.render import export, sanitize
from bot.render.page import page
from bot.render.report import ReportFile

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from bot.domain.settings import GuildSettings
    from bot.i18n import Translator
    from bot.render.summary import TaggedClip

# https://discord.com/developers/docs/resources/message#create-message: files of a message
_MAX_FILES = 10
_MAX_STEM_LENGTH = 60  # characters


def bundle(
    clips: Sequence[TaggedClip],
    sources: Mapping[str, str],
    settings: GuildSettings,
    translate: Translator,
) -> list[ReportFile]:
    """Return JSON and CSV of all clips, subtitles and a page of each; in one ZIP if too many.

    ``sources`` has the clips' links by their names, where they are known.
    """
    files = [
        ReportFile("tags.jsonl" if len(clips) > 1 else "tags.json", _json(clips).encode()),
        ReportFile("tags.csv", export.csv(clips).encode()),
    ]
    for number, clip in enumerate(clips, 1):
        stem = _stem(clip.name, number)
        html = page(
            clip.name,
            clip.tagging,
            clip.timeline,
            sources.get(clip.name),
            translate,
            flicker=settings.flicker,
            hidden=settings.hidden_tags,
        )
        files.append(ReportFile(f"{stem}.vtt", export.webvtt(clip).encode()))
        files.append(ReportFile(f"{stem}.html", html.encode()))
    return files if len(files) <= _MAX_FILES else [_zipped(files)]


def _json(clips: Sequence[TaggedClip]) -> str:
    lines = (export.json(export.tagged(clip.name, clip.tagging, clip.timeline)) for clip in clips)
    return "".join(f"{line}\n" for line in lines)


def _stem(name: str, number: int) -> str:
    """Return a clip's name as a file's: letters, digits and a few signs, told apart by number."""
    kept = "".join(_safe(sanitize.clean(name, _MAX_STEM_LENGTH))).strip("._ ")
    return f"{kept or 'clip'}-{number}" if number > 1 else kept or "clip"


def _safe(name: str) -> Iterator[str]:
    for character in name:
        yield character if character.isalnum() or character in "-_. " else "_"


def _zipped(files: Sequence[ReportFile]) -> ReportFile:
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in files:
            archive.writestr(file.name, file.content)
    return ReportFile("tags.zip", whole.getvalue())
