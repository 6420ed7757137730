"""A tagging as scripts, spreadsheets and players read it: JSON, CSV, WebVTT."""

from __future__ import annotations

from csv import writer
from html import escape
from io import StringIO
from json import dumps
from typing import TYPE_CHECKING, Any

from bot.render import sanitize

if TYPE_CHECKING:
    from collections.abc import Iterable

    from bot.domain.tagging import Tagging
    from bot.domain.timeline import Timeline
    from bot.errors import FramehoundError
    from bot.render.summary import TaggedClip

_DECIMALS = 6
_MAX_NAME_LENGTH = 200
# A spreadsheet takes a cell that begins so for a formula and works it out, also where an Asian
# keyboard wrote it full width: https://owasp.org/www-community/attacks/CSV_Injection
_FORMULA = tuple("=+-@\uff1d\uff0b\uff0d\uff20")


def tagged(name: str, tagging: Tagging, timeline: Timeline) -> dict[str, Any]:
    """Return the object ``--json`` prints: times in seconds, ``end`` exclusive, scores 0-1.

    ``proxied`` is there, and true, where the tagger was shown small pictures of the clip.
    """
    info = tagging.info
    proxied = {"proxied": True} if tagging.proxied else {}
    return {
        "clip": name,
        "format": info.format.value,
        "bytes": info.size,
        "duration": info.duration / 1000,
        "tagger": str(tagging.tagger),
        "threshold": timeline.threshold,
        "fingerprint": info.fingerprint,
        "seconds": [
            {
                "second": second.second,
                "tags": [
                    {"name": tag.name, "score": round(tag.score, _DECIMALS)} for tag in second.tags
                ],
            }
            for second in timeline.seconds
        ],
        "segments": [
            {
                "tag": segment.tag,
                "start": segment.start,
                "end": segment.end,
                "score": round(segment.score, _DECIMALS),
            }
            for segment in timeline.segments
        ],
        **proxied,
    }


def refused(name: str, error: FramehoundError) -> dict[str, Any]:
    """Return the object ``--json`` prints for a clip that was not tagged."""
    return {"clip": name, "error": {"code": error.code, "message": str(error)}}


def json(told: dict[str, Any]) -> str:
    """Return an object of ``tagged`` or ``refused`` as one line, in letters rather than codes."""
    return dumps(told, ensure_ascii=False)


def csv(clips: Iterable[TaggedClip]) -> str:
    """Return a row a segment of all clips, under a row of headings, as RFC 4180 has it.

    Times in seconds, ``end`` exclusive, scores 0-1. No cell is a formula to a spreadsheet.
    """
    sheet = StringIO()
    rows = writer(sheet)  # its own habit is RFC 4180: \r\n, quotes where needed
    rows.writerow(("clip", "tag", "start", "end", "score"))
    for clip in clips:
        for segment in clip.timeline.segments:
            cells = _cell(clip.name), _cell(segment.tag)
            score = round(segment.score, _DECIMALS)
            rows.writerow((*cells, segment.start, segment.end, score))
    return sheet.getvalue()


def webvtt(clip: TaggedClip) -> str:
    """Return subtitles: a cue for each span of a clip that has tags.

    https://www.w3.org/TR/webvtt1/#syntax: text escapes ``&``, ``<`` and ``>``, and with the last
    the arrow ``-->``, which would begin another cue.
    """
    cues = [
        f"{_moment(span.start)} --> {_moment(span.end)}\n"
        + escape(" · ".join(_name(tag.name) for tag in span.tags), quote=False)
        for span in clip.timeline.spans
        if span.tags
    ]
    return "\n\n".join(["WEBVTT", *cues]) + "\n"


def _name(name: str) -> str:
    return sanitize.clean(name, _MAX_NAME_LENGTH)


def _cell(text: str) -> str:
    shown = _name(text)
    return f"'{shown}" if shown.startswith(_FORMULA) else shown


def _moment(second: int) -> str:
    minutes, seconds = divmod(second, 60)
    return f"{minutes // 60:02}:{minutes % 60:02}:{seconds:02}.000"
