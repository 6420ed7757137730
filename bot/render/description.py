"""One sentence about a clip: its kind or game, its strongest scenes in order of time, and text.

It lists names without articles or grammar around them, so that it can be translated.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from functools import reduce
from typing import TYPE_CHECKING

from bot.i18n import ENGLISH
from bot.render import clip_kind, formatting, sanitize, screen_text

if TYPE_CHECKING:
    from bot.domain.kind import Kind
    from bot.domain.tagging import Tagging
    from bot.domain.timeline import Span, Timeline
    from bot.i18n import Translator

_MAX_SCENES = 4
# In characters. Together they fit into a sentence in every language.
_MAX_NAME_LENGTH, _MAX_TEXT_LENGTH = 32, 60
# What the local models and Clarifai's say about many pictures. A scene has one of these names only
# if it has no other.
GENERAL_TAGS = frozenset(
    {
        "abstract",
        "adult",
        "animal",
        "art",
        "background",
        "building",
        "clothing",
        "drink",
        "electronics",
        "food",
        "furniture",
        "home appliance",
        "indoors",
        "kitchenware",
        "landscape",
        "medical equipment",
        "musical instrument",
        "nature",
        "no person",
        "one",
        "outdoors",
        "people",
        "plant",
        "safe",
        "sports equipment",
        "stationery",
        "toiletries",
        "tool",
        "vehicle",
        "weapon",
    }
)


@dataclass(frozen=True, slots=True)
class _Scene:
    """A span of a timeline by its best name."""

    name: str
    start: int
    strength: float


def describe_clip(
    tagging: Tagging,
    timeline: Timeline,
    game: str | None = None,
    translate: Translator = ENGLISH,
) -> str:
    """Return a sentence about a clip, at most ``sanitize.MAX_SENTENCE`` characters on one line.

    If the tagger wrote one, it is that. Otherwise it is composed from what a server may see: the
    ``timeline`` has no hidden tag, and the ``tagging`` has text only if the server wants it.
    """
    written = sanitize.clean(tagging.description or "", sanitize.MAX_SENTENCE)
    return written or _composed(tagging, timeline, game, translate)


def _composed(tagging: Tagging, timeline: Timeline, game: str | None, translate: Translator) -> str:
    length = formatting.length(timeline.duration, translate)
    game, names, text = _name(game or ""), _names(tagging, timeline), _text(tagging, translate)
    kind_and_length = clip_kind.kind_and_length(tagging.kind, length, translate)
    if not (game or names or text) and kind_and_length == length:
        return translate("A clip of {length} in which nothing was recognized.", length=length)
    facts = f"{game}, {length}" if game else kind_and_length
    if names:
        tags = reduce(
            lambda some, more: translate("{some}, then {more}", some=some, more=more), names
        )
        facts = translate("{facts}: {tags}", facts=facts, tags=tags)
    return f"{facts}. {text}".rstrip()


def _names(tagging: Tagging, timeline: Timeline) -> list[str]:
    """Return the names of the strongest scenes, each once, in the order of their best moments."""
    scenes = (_scene(span, tagging.kind) for span in timeline.spans)
    by_name: defaultdict[str, list[_Scene]] = defaultdict(list)
    for scene in filter(None, scenes):
        by_name[scene.name].append(scene)
    strongest = sorted(by_name.values(), key=lambda scenes: -sum(s.strength for s in scenes))
    best = [max(scenes, key=lambda scene: scene.strength) for scenes in strongest[:_MAX_SCENES]]
    return [scene.name for scene in sorted(best, key=lambda scene: scene.start)]


def _scene(span: Span, kind: Kind | None) -> _Scene | None:
    """Return a span by its best specific tag, or else by its best one; None without a name.

    The clip's own ``kind`` is no name of a scene: the sentence begins with it.
    """
    others = (tag for tag in span.tags if tag.name != kind)
    tags = [(name, tag.score) for tag in others if (name := _name(tag.name))]
    if not tags:
        return None
    name, score = next((each for each in tags if each[0].lower() not in GENERAL_TAGS), tags[0])
    return _Scene(name, span.start, (span.end - span.start) * score)


def _text(tagging: Tagging, translate: Translator) -> str:
    """Return a sentence with the most important text on the screen; empty if there is none."""
    ranges = screen_text.most_important(tagging.text or (), 1)
    shown = sanitize.clean(ranges[0].text, _MAX_TEXT_LENGTH) if ranges else ""
    if not shown:
        return ""
    quoted = screen_text.quoted(shown, str, translate)
    return translate("Text on the screen: {text}.", text=quoted)


def _name(name: str) -> str:
    return sanitize.clean(name, _MAX_NAME_LENGTH)
