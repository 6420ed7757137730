"""Exports of a report: JSON, CSV, WebVTT and an HTML page, and all of them as files."""

from __future__ import annotations

import io
import zipfile
from csv import writer
from html import escape
from json import dumps
from typing import TYPE_CHECKING, Any

from bot.i18n import ENGLISH
from bot.render import sanitize
from bot.render.description import describe_clip
from bot.render.page import page
from bot.render.report import MAX_FILES, ReportFile
from bot.render.screen_text import quoted, text_ranges, whole

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from bot.domain.settings import GuildSettings
    from bot.domain.tagging import Tagging
    from bot.domain.timeline import Timeline
    from bot.errors import FramehoundError
    from bot.i18n import Translator
    from bot.render.summary import TaggedClip

_DECIMALS = 6
_CSV_HEADER = ("clip", "tag", "start", "end", "score")
_MAX_STEM_LENGTH = 60  # characters
_MAX_NAME_LENGTH = 200
# A spreadsheet evaluates a cell that starts with one of these (the last four are full-width forms):
# https://owasp.org/www-community/attacks/CSV_Injection
_FORMULA_STARTS = tuple("=+-@\uff1d\uff0b\uff0d\uff20")


def tagged(
    name: str,
    tagging: Tagging,
    timeline: Timeline,
    game: str | None = None,
    translate: Translator = ENGLISH,
) -> dict[str, Any]:
    """Return the object that ``--json`` prints: times in seconds, ``end`` exclusive, scores 0-1.

    ``description`` is a sentence about the clip. ``kind`` is present if it is clear, ``text`` if
    any was read, ``unreadable`` if some seconds could not be decoded; ``proxied`` is present, and
    true, if the tagger got a proxy instead of the clip. ``game`` is present if Discord says which
    it is. If several models tagged the clip, ``models`` has each with its threshold, and each tag
    and segment has the ``model`` that saw it.
    """
    info = tagging.info
    return {
        "clip": name,
        "format": info.format.value,
        "bytes": info.size,
        "duration": info.duration / 1000,
        "tagger": str(tagging.tagger),
        "threshold": timeline.threshold,
        "fingerprint": info.fingerprint,
        "seconds": _seconds(timeline),
        "segments": _segments(timeline),
        **({"kind": tagging.kind.value} if tagging.kind else {}),
        **_text(tagging),
        **_models(tagging, timeline),
        **_unreadable(tagging),
        **({"proxied": True} if tagging.proxied else {}),
        "description": describe_clip(tagging, timeline, game, translate),
        **({"game": game} if game else {}),
    }


def _seconds(timeline: Timeline) -> list[dict[str, Any]]:
    return [
        {
            "second": second.second,
            "tags": [
                {"name": tag.name, "score": round(tag.score, _DECIMALS), **_model(tag.model)}
                for tag in second.tags
            ],
        }
        for second in timeline.seconds
    ]


def _segments(timeline: Timeline) -> list[dict[str, Any]]:
    return [
        {
            "tag": segment.tag,
            "start": segment.start,
            "end": segment.end,
            "score": round(segment.score, _DECIMALS),
            **_model(segment.model),
        }
        for segment in timeline.segments
    ]


def _text(tagging: Tagging) -> dict[str, Any]:
    text = [
        {"text": line.text, "start": line.start, "end": line.end, "score": line.score}
        for line in tagging.text or ()
    ]
    return {"text": text} if text else {}


def _unreadable(tagging: Tagging) -> dict[str, Any]:
    gaps = [{"start": each.start, "end": each.end} for each in tagging.unreadable]
    return {"unreadable": gaps} if gaps else {}


def _model(name: str) -> dict[str, str]:
    """Return the model that saw something; nothing if only one was asked."""
    return {"model": name} if name else {}


def _models(tagging: Tagging, timeline: Timeline) -> dict[str, Any]:
    """Return the models that tagged a clip, if there are several."""
    models = [
        {"tagger": str(each), "threshold": timeline.thresholds.get(each.model, timeline.threshold)}
        for each in tagging.models
    ]
    return {"models": models} if models else {}


def refused(name: str, error: FramehoundError) -> dict[str, Any]:
    """Return the object that ``--json`` prints for a clip that was not tagged."""
    return {"clip": name, "error": {"code": error.code, "message": str(error)}}


def to_json(value: dict[str, Any]) -> str:
    """Return an object as one line of JSON, with letters as they are.

    Invisible characters are escaped, as are bytes of a file name that are not UTF-8.
    """
    return sanitize.escape_invisible(dumps(value, ensure_ascii=False), _json_escape)


def csv(clips: Sequence[TaggedClip]) -> str:
    """Return CSV (RFC 4180) with a header and one row for each segment of all clips.

    If text was read, its lines follow, each in a last column instead of a tag. Times are in
    seconds, ``end`` is exclusive, scores are 0-1. No cell is a formula.
    """
    sheet = io.StringIO()
    rows = writer(sheet)  # its default dialect is RFC 4180: \r\n, and quotes if needed
    has_text = any(clip.tagging.text for clip in clips)
    rows.writerow((*_CSV_HEADER, "text") if has_text else _CSV_HEADER)
    for clip in clips:
        for segment in clip.timeline.segments:
            cells = _cell(clip.name), _cell(segment.tag), segment.start, segment.end
            rest = ("",) if has_text else ()
            rows.writerow((*cells, round(segment.score, _DECIMALS), *rest))
        for line in clip.tagging.text or ():
            times = line.start, line.end, round(line.score, _DECIMALS)
            rows.writerow((_cell(clip.name), "", *times, _cell(line.text)))
    return sheet.getvalue()


def webvtt(clip: TaggedClip) -> str:
    """Return WebVTT subtitles with a cue for each span of a clip that has tags, and for its text.

    Text escapes ``&``, ``<`` and ``>``; the last also breaks ``-->``, which would start a cue:
    https://www.w3.org/TR/webvtt1/#syntax
    """
    tags = [
        (span.start, span.end, " · ".join(_name(tag.name) for tag in span.tags))
        for span in clip.timeline.spans
        if span.tags
    ]
    text = [
        (each.start, each.end, quoted(each.text, whole))
        for each in text_ranges(clip.tagging.text or ())
    ]
    cues = [
        f"{_timestamp(start)} --> {_timestamp(end)}\n{escape(shown, quote=False)}"
        for start, end, shown in sorted([*tags, *text], key=lambda cue: cue[0])
    ]
    return "\n\n".join(["WEBVTT", *cues]) + "\n"


def export_files(
    clips: Sequence[TaggedClip],
    sources: Mapping[str, str],
    settings: GuildSettings,
    translate: Translator,
) -> list[ReportFile]:
    """Return the export files of a report: JSON, CSV, and subtitles and a page for each clip.

    They come as one ZIP if a message cannot hold that many files. ``sources`` maps clip names to
    links, as far as they are known.
    """
    files = [
        ReportFile(
            "tags.jsonl" if len(clips) > 1 else "tags.json", _json_lines(clips, translate).encode()
        ),
        ReportFile("tags.csv", csv(clips).encode()),
    ]
    for number, clip in enumerate(clips, 1):
        stem = _stem(clip.name, number)
        html = page(
            clip.name,
            clip.tagging,
            clip.timeline,
            sources.get(clip.name),
            translate,
            smoothing=settings.smoothing,
            hidden=settings.hidden_tags.union(clip.corrected),
            game=clip.game,
        )
        files.append(ReportFile(f"{stem}.vtt", webvtt(clip).encode()))
        files.append(ReportFile(f"{stem}.html", html.encode()))
    return files if len(files) <= MAX_FILES else [_zipped(files)]


def _json_lines(clips: Sequence[TaggedClip], translate: Translator) -> str:
    lines = (
        to_json(tagged(clip.name, clip.tagging, clip.timeline, clip.game, translate))
        for clip in clips
    )
    return "".join(f"{line}\n" for line in lines)


def _stem(name: str, number: int) -> str:
    """Return a safe file name for a clip, without suffix; ``number`` makes it unique."""
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


def _json_escape(character: str) -> str:
    return dumps(character)[1:-1]


def _name(name: str) -> str:
    return sanitize.clean(name, _MAX_NAME_LENGTH)


def _cell(text: str) -> str:
    shown = _name(text)
    return f"'{shown}" if shown.startswith(_FORMULA_STARTS) else shown


def _timestamp(second: int) -> str:
    minutes, seconds = divmod(second, 60)
    return f"{minutes // 60:02}:{minutes % 60:02}:{seconds:02}.000"
