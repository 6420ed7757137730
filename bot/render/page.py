"""The HTML page of a clip: a player above a timeline; a click on a range plays it from there.

The page loads nothing from the network but the clip. It holds the raw concepts above a low score,
so that its slider can change the threshold. Its style and scripts are in ``page/``.
"""

from __future__ import annotations

import base64
import re
from dataclasses import asdict
from html import escape
from string import Template
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from bot.domain import timeline as timelines
from bot.domain.clip import PICTURE_FORMATS
from bot.render import formatting, sanitize
from bot.render.clip_kind import kind_name
from bot.render.description import describe_clip
from bot.render.html import asset, embedded, source_hash
from bot.render.screen_text import text_ranges, whole
from bot.render.summary import unreadable_line

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from bot.domain.concepts import Frame
    from bot.domain.settings import Smoothing
    from bot.domain.tagging import Tagging
    from bot.domain.timeline import Timeline
    from bot.i18n import Translator

_MIN_SCORE = 0.05  # lowest score kept in the page, unless the threshold is lower
_HOST = re.compile(r"[a-z0-9.-]+(:\d{1,5})?", re.IGNORECASE)


def page(  # noqa: PLR0913 - what a page shows, half of it optional
    name: str,
    tagging: Tagging,
    timeline: Timeline,
    source: str | None,
    translate: Translator,
    *,
    smoothing: Smoothing = timelines.NO_SMOOTHING,
    hidden: Collection[str] = (),
    game: str | None = None,
) -> str:
    """Return the page of a clip as HTML.

    ``source`` is the clip's link, or its path relative to the page (percent-encoded). Without one,
    or if it can no longer be played, the page asks for the clip's file. ``smoothing`` and
    ``hidden`` are those that ``timeline`` was built with; its threshold is where the slider starts.
    """
    csp_source = _csp_source(source)
    style = asset("page.css")
    script = f"{asset('timeline.js')}\n{asset('page.js')}"
    moving = tagging.info.format not in PICTURE_FORMATS
    shown = sanitize.clean(name, 200)
    texts = {
        "name": shown,
        "language": translate.language,
        "policy": _policy(script, style, csp_source),
        "description": describe_clip(tagging, timeline, game, translate),
        "facts": " · ".join(_facts(tagging, timeline, translate)),
        "notice": ""
        if moving
        else translate("GIFs play on their own, so you can't jump to a moment in this one."),
        "choose": translate("Choose the clip's file"),
        "filter": translate("Filter tags"),
        "above": translate("Threshold"),
        "tags": translate("Tags"),
        "keys": translate("Keyboard shortcuts"),
        "close": translate("Close"),
    }
    content = _content(tagging, timeline, smoothing, hidden, translate)
    return Template(asset("page.html")).substitute(
        {key: escape(text) for key, text in texts.items()},
        player=_player(source if csp_source is not None else None, shown, moving=moving),
        shortcuts=_shortcuts(translate),
        text=_text(tagging, translate),
        tagging=embedded(content),
        style=style,
        script=script,
    )


def _facts(tagging: Tagging, timeline: Timeline, translate: Translator) -> Iterator[str]:
    yield formatting.length(timeline.duration, translate)
    if kind := kind_name(tagging.kind, translate):
        yield kind
    yield ", ".join(map(str, tagging.models or [tagging.tagger]))
    if line := unreadable_line(tagging, translate):
        yield line


def _content(
    tagging: Tagging,
    timeline: Timeline,
    smoothing: Smoothing,
    hidden: Collection[str],
    translate: Translator,
) -> dict[str, Any]:
    """Return the data for the script; it refers to tags and models by their index."""
    min_score = min(_MIN_SCORE, timeline.threshold, *timeline.thresholds.values())
    models = [each.model for each in tagging.models]
    # Half the lowest threshold, as dips reach down to half of it.
    every = [
        timelines.build(frames, timeline.duration, min_score / 2, hidden=hidden).seconds
        for frames in _frames_by_model(tagging)
    ]
    seconds = [[tag for second in each for tag in second.tags] for each in zip(*every, strict=True)]
    known = sorted({tag.name for tags in seconds for tag in tags})
    number = {tag: at for at, tag in enumerate(known)}
    return {
        "names": [sanitize.clean(tag, 200) for tag in known],
        "seconds": [
            [
                (number[tag.name], tag.score, *([models.index(tag.model)] if tag.model else []))
                for tag in tags
            ]
            for tags in seconds
        ],
        "models": models,
        "limits": [timeline.thresholds.get(each, timeline.threshold) for each in models],
        "threshold": timeline.threshold,
        "minScore": min_score,
        "smoothing": asdict(smoothing),
        "thumbnails": [
            (thumbnail.second, base64.b64encode(thumbnail.jpeg).decode())
            for thumbnail in tagging.thumbnails
        ],
        "words": _words(translate),
    }


def _frames_by_model(tagging: Tagging) -> list[list[Frame]]:
    """Return each model's frames: scores of several models can't be merged before the threshold."""
    if not tagging.models:
        return [list(tagging.frames)]
    names = [each.model for each in tagging.models]
    return [[frame for frame in tagging.frames if frame.model == name] for name in names]


def _words(translate: Translator) -> dict[str, str]:
    """Return the script's sentences, whose placeholders it fills in itself."""
    return {
        "count": translate("{shown} of {all} tags", shown="{shown}", all="{all}"),
        "nothing": translate("Nothing scored above {above}.", above="{above}"),
        "noMatch": translate("No tags match your filter."),
        "more": translate("Show all"),
        "missing": translate("This page doesn't include the clip. Choose its file to play it."),
        "unplayable": translate(
            "This browser can't load or play the clip. Choose its file to play it."
        ),
    }


def _shortcuts(translate: Translator) -> str:
    keys = (
        (("␣",), translate("Play or pause")),
        (("←", "→"), translate("Jump to where the previous or next tag starts")),
        (("Tab",), translate("Move between tags and their bars")),
        (("←", "→", "↑", "↓"), translate("On a bar: move to the next bar in that direction")),
        (("↵",), translate("On a tag or a bar: play from there")),
        (("/",), translate("Filter tags (Esc clears the filter)")),
        (("?",), translate("Show this list")),
    )
    return "\n".join(
        f"<dt>{' '.join(f'<kbd>{key}</kbd>' for key in each)}</dt><dd>{escape(does)}</dd>"
        for each, does in keys
    )


def _text(tagging: Tagging, translate: Translator) -> str:
    """Return the list of the text on the screen; a click on an entry plays it from there."""
    entries = [
        f'<li><button type="button" data-start="{each.start}" data-end="{each.end}">'
        f"<span>{formatting.span(each.start, each.end)}</span>"
        f'<bdi dir="auto">{escape(whole(each.text))}</bdi></button></li>'
        for each in text_ranges(tagging.text or ())
    ]
    if not entries:
        return ""
    title = escape(translate("Text on the screen"))
    return f'<section id="text"><h2>{title}</h2><ol>{"".join(entries)}</ol></section>'


def _player(source: str | None, name: str, *, moving: bool) -> str:
    """Return the element that shows the clip; browsers play a GIF only as a picture."""
    where = f' src="{escape(source)}"' if source is not None else ""
    if moving:
        return f'<video id="clip" controls playsinline preload="metadata"{where}></video>'
    return f'<img id="clip"{where or " hidden"} alt="{escape(name)}">'


def _csp_source(source: str | None) -> str | None:
    """Return the source expression for the clip in the content security policy.

    None for any other scheme, or for a host that could inject a rule of its own.
    """
    if source is None:
        return None
    link = urlsplit(source)
    if not link.scheme and not link.netloc:
        return "'self' file:"  # beside the page; in Firefox 'self' does not cover files
    if link.scheme == "file":
        return "file:"
    shaped = link.scheme in {"http", "https"} and _HOST.fullmatch(link.netloc)
    return f"{link.scheme}://{link.netloc}" if shaped else None


def _policy(script: str, style: str, csp_source: str | None) -> str:
    source = csp_source or ""
    return "; ".join(
        (
            "default-src 'none'",
            f"script-src {source_hash(script)}",
            f"style-src {source_hash(style)}",
            f"img-src data: blob: {source}",
            f"media-src blob: {source}",
            "base-uri 'none'",
            "form-action 'none'",
        )
    )
