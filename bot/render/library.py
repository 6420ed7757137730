"""The library of a server: an HTML page of its last clips that can be searched without a server.

The page loads nothing from the network. Its style and script are in ``page/``.
"""

from __future__ import annotations

import base64
import io
import zipfile
from collections import defaultdict
from dataclasses import dataclass
from html import escape
from string import Template
from typing import TYPE_CHECKING, Any

from bot.domain.timeline import count_seconds
from bot.render import sanitize
from bot.render.description import describe_clip
from bot.render.html import asset, embedded, source_hash
from bot.render.report import ReportFile
from bot.render.screen_text import text_ranges

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from bot.domain.tagging import Thumbnail
    from bot.i18n import Translator
    from bot.render.summary import TaggedClip

_MAX_NAME = 100
_MAX_LINES, _MAX_LINE = 40, 200
_MAX_TAGS = 60
_MAX_STILLS = 8
# Stills of each clip, fewer until the page is small enough.
_STILLS = (_MAX_STILLS, 4, 2, 1, 0)
_FILE, _ZIP = "library.html", "library.zip"


@dataclass(frozen=True, slots=True)
class LibraryClip:
    """What the page shows of a posted clip; ``tags`` has each tag's score and ranges."""

    name: str
    link: str
    posted_at: datetime
    channel: str
    seconds: int
    sentence: str
    tags: tuple[tuple[str, float, tuple[tuple[int, int], ...]], ...] = ()
    text: tuple[tuple[int, str], ...] = ()
    stills: tuple[Thumbnail, ...] = ()


@dataclass(frozen=True, slots=True)
class LibraryFile:
    """The file to send, and how many of the clips are in it."""

    file: ReportFile
    count: int


def library_clip(
    clip: TaggedClip, link: str, posted_at: datetime, channel: str, translate: Translator
) -> LibraryClip:
    """Return what the page shows of a clip; the rest of its tagging can be let go."""
    sentence = describe_clip(clip.tagging, clip.timeline, clip.game, translate)
    ranges = text_ranges(clip.tagging.text or ())[:_MAX_LINES]
    return LibraryClip(
        name=sanitize.clean(clip.name, _MAX_NAME),
        link=link,
        posted_at=posted_at,
        channel=sanitize.clean(channel, _MAX_NAME),
        seconds=count_seconds(clip.timeline.duration),
        sentence=sanitize.clean(sentence, sanitize.MAX_SENTENCE),
        tags=_tags(clip),
        text=tuple((each.start, sanitize.clean(each.text, _MAX_LINE)) for each in ranges),
        stills=_spread(clip.tagging.thumbnails, _MAX_STILLS),
    )


def library_file(
    server: str, clips: Sequence[LibraryClip], limit: int, translate: Translator
) -> LibraryFile:
    """Return the page as a file of at most ``limit`` bytes, as a ZIP if it is too large without.

    If it is still too large, it has fewer stills of each clip, and in the end fewer clips.
    """
    count = len(clips)
    while True:
        for stills in _STILLS:
            content = library_page(server, clips[:count], translate, stills=stills).encode()
            if len(content) <= limit:
                return LibraryFile(ReportFile(_FILE, content), count)
            content = _zipped(content)
            if len(content) <= limit or (not count and not stills):
                return LibraryFile(ReportFile(_ZIP, content), count)
        count //= 2


def library_page(
    server: str, clips: Sequence[LibraryClip], translate: Translator, *, stills: int = _MAX_STILLS
) -> str:
    """Return the page as HTML."""
    style, script = asset("library.css"), asset("library.js")
    name = sanitize.clean(server, _MAX_NAME)
    texts = {
        "language": translate.language,
        "policy": _policy(script, style),
        "title": translate("Clips of {server}", server=name),
        "facts": translate("The newest come first. This page works without a network."),
        "search": translate('Search: cat "hot dog" -piano'),
        "clips": translate("Clips"),
        "nothing": translate("No clips match your search."),
    }
    return Template(asset("library.html")).substitute(
        {key: escape(text) for key, text in texts.items()},
        library=embedded(_content(clips, translate, stills)),
        style=style,
        script=script,
    )


def _content(clips: Sequence[LibraryClip], translate: Translator, stills: int) -> dict[str, Any]:
    """Return the data for the script; clips refer to the names of tags by their index."""
    number: defaultdict[str, int] = defaultdict(lambda: len(number))
    entries = [
        {
            "name": clip.name,
            "link": clip.link,
            "posted": int(clip.posted_at.timestamp()),
            "channel": clip.channel,
            "seconds": clip.seconds,
            "sentence": clip.sentence,
            "tags": [(number[tag], score, ranges) for tag, score, ranges in clip.tags],
            "text": clip.text,
            "stills": [
                (still.second, base64.b64encode(still.jpeg).decode())
                for still in _spread(clip.stills, stills)
            ],
        }
        for clip in clips
    ]
    return {
        "names": list(number),
        "clips": entries,
        "words": {
            "open": translate("Open in Discord"),
            "more": translate("Show all"),
            "count": translate("{shown} of {all} clips", shown="{shown}", all="{all}"),
        },
    }


def _tags(clip: TaggedClip) -> tuple[tuple[str, float, tuple[tuple[int, int], ...]], ...]:
    """Return the tags with the highest scores, and the ranges of each in order of time."""
    ranges: defaultdict[str, list[tuple[int, int]]] = defaultdict(list)
    best: defaultdict[str, float] = defaultdict(float)
    for segment in clip.timeline.segments:
        name = sanitize.clean(segment.tag, _MAX_NAME)
        ranges[name].append((segment.start, segment.end))
        best[name] = max(best[name], round(segment.score, 3))
    ranked = sorted(ranges, key=lambda name: (-best[name], name))[:_MAX_TAGS]
    return tuple((name, best[name], tuple(ranges[name])) for name in ranked)


def _spread(thumbnails: Sequence[Thumbnail], count: int) -> tuple[Thumbnail, ...]:
    """Return some thumbnails, evenly spread over the clip."""
    if len(thumbnails) <= count:
        return tuple(thumbnails)
    return tuple(thumbnails[number * len(thumbnails) // count] for number in range(count))


def _policy(script: str, style: str) -> str:
    return "; ".join(
        (
            "default-src 'none'",
            f"script-src {source_hash(script)}",
            f"style-src {source_hash(style)}",
            "img-src data:",
            "base-uri 'none'",
            "form-action 'none'",
        )
    )


def _zipped(page: bytes) -> bytes:
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(_FILE, page)
    return whole.getvalue()
