"""From raw frames to a timeline: the tags of each second, and the segments of each tag."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from itertools import groupby
from types import MappingProxyType
from typing import TYPE_CHECKING

from bot.domain.concepts import Concept
from bot.domain.settings import Smoothing

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

    from bot.domain.concepts import Frame


Seen = tuple[int, float, str]
"""How surely a tag was seen in a second (``_ABOVE``, ``_DIP`` or ``_BELOW``), by which model."""

Run = dict[int, Seen]
"""Consecutive seconds of one tag."""

_BELOW, _DIP, _ABOVE = range(3)

NO_SMOOTHING = Smoothing(gap=0, shortest=1)
"""Bridges no gap and leaves out no short segment."""


@dataclass(frozen=True, slots=True)
class Second:
    """The tags of one second of a clip, best score first."""

    second: int
    tags: tuple[Concept, ...]


@dataclass(frozen=True, slots=True)
class Span:
    """Consecutive seconds with the same tags: ``start`` to ``end`` (exclusive).

    ``tags`` has each tag's highest score in the span, best first; an empty span has none.
    """

    start: int
    end: int
    tags: tuple[Concept, ...]


@dataclass(frozen=True, slots=True)
class Segment:
    """Consecutive seconds of one tag: ``start`` to ``end`` (exclusive), and its highest score.

    ``model`` is the model that gave that score, if several were asked.
    """

    tag: str
    start: int
    end: int
    score: float
    model: str = ""


@dataclass(frozen=True, slots=True)
class Timeline:
    """Every second of a clip in order, and the segments of each tag.

    ``duration`` is in milliseconds; ``best`` is the highest score, whether or not it passed.
    ``thresholds`` has those of several models, if each has its own.
    """

    duration: int
    threshold: float
    seconds: tuple[Second, ...]
    segments: tuple[Segment, ...]
    best: Concept | None
    thresholds: Mapping[str, float] = field(default_factory=dict)

    @property
    def spans(self) -> tuple[Span, ...]:
        """The seconds, joined if neighbours have the same tags."""
        return tuple(_spans(self.seconds))


def count_seconds(duration: int) -> int:
    """Return the number of seconds in ``duration`` milliseconds, counting a started one."""
    return max(1, -(-duration // 1000))


def build(
    frames: Iterable[Frame],
    duration: int,
    threshold: float,
    *,
    smoothing: Smoothing = NO_SMOOTHING,
    hidden: Collection[str] = (),
    thresholds: Mapping[str, float] = MappingProxyType({}),
) -> Timeline:
    """Build a timeline from raw frames by a threshold and a server's smoothing.

    A concept passes strictly above the threshold; if several frames fall into one second, its
    highest score counts. Short dips are bridged: a tag continues for up to ``smoothing.gap``
    seconds in which its raw score is not above the threshold, but above half of it. So a tag that
    is not seen at all in a second is never shown there. Every second has its raw score, so in a dip
    ``Second.tags`` has scores at or below the threshold.

    If several models were asked, ``thresholds`` may have one for each. A second has a tag if one of
    them gave it a score above that model's own; the highest of these scores counts.

    Frames past the clip's end are left out, as Clarifai may send one more than the clip has
    seconds. So are ``hidden`` concepts, in any capitalization.
    """
    length = count_seconds(duration)
    limits = defaultdict(lambda: threshold, thresholds)
    seen = _seen_by_second(frames, length, {name.casefold() for name in hidden}, limits)
    runs = [
        (name, run)
        for name, above_half in _seen_by_name(seen).items()
        for run in _runs(above_half, smoothing.gap)
        if len(run) >= smoothing.shortest
    ]
    seconds = tuple(_seconds(runs, length))
    return Timeline(duration, threshold, seconds, tuple(_segments(runs)), _best(seen), thresholds)


def _seen_by_second(
    frames: Iterable[Frame], length: int, hidden: Collection[str], limits: Mapping[str, float]
) -> list[dict[str, Seen]]:
    by_second: list[dict[str, Seen]] = [{} for _ in range(length)]
    for frame in frames:
        if not 0 <= frame.second < length:
            continue
        seen, limit = by_second[frame.second], limits[frame.model]
        for concept in frame.concepts:
            if not hidden or concept.name.casefold() not in hidden:
                score = concept.score
                level = _ABOVE if score > limit else _DIP if score > limit / 2 else _BELOW
                found = level, score, frame.model
                seen[concept.name] = max(found, seen.get(concept.name, found))
    return by_second


def _seen_by_name(seconds: list[dict[str, Seen]]) -> dict[str, Run]:
    """Return by concept the seconds in which its score is above half the threshold."""
    found: defaultdict[str, Run] = defaultdict(dict)
    for second, seen in enumerate(seconds):
        for name, each in seen.items():
            if each[0] != _BELOW:
                found[name][second] = each
    return found


def _runs(above_half: Run, gap: int) -> Iterator[Run]:
    """Yield the runs of one tag, given its seconds above half the threshold in order of time.

    A run consists of seconds above the threshold, and of dips between them: at most ``gap`` seconds
    in a row, all above half the threshold.
    """
    run: Run = {}
    last = 0
    for second, seen in above_half.items():
        if seen[0] != _ABOVE:
            continue
        dip = range(last + 1, second)
        if run and not (len(dip) <= gap and all(each in above_half for each in dip)):
            yield run
            run = {}
        if run:
            run.update({each: above_half[each] for each in dip})
        run[second] = seen
        last = second
    if run:
        yield run


def _seconds(runs: Iterable[tuple[str, Run]], length: int) -> Iterator[Second]:
    tags: list[list[Concept]] = [[] for _ in range(length)]
    for name, run in runs:
        for second, (_level, score, model) in run.items():
            tags[second].append(Concept(name, score, model))
    for second, found in enumerate(tags):
        yield Second(second, tuple(sorted(found, key=_rank)))


def _segments(runs: Iterable[tuple[str, Run]]) -> Iterator[Segment]:
    """Yield segments in order of their start, the best score first among equals."""
    found = [_segment(name, run) for name, run in runs]
    yield from sorted(found, key=lambda s: (s.start, -s.score, s.tag))


def _segment(name: str, run: Run) -> Segment:
    score, model = max((score, model) for _level, score, model in run.values())
    return Segment(name, min(run), max(run) + 1, score, model)


def _rank(concept: Concept) -> tuple[float, str]:
    return -concept.score, concept.name


def _best(by_second: list[dict[str, Seen]]) -> Concept | None:
    every = (
        Concept(name, score, model)
        for seen in by_second
        for name, (_level, score, model) in seen.items()
    )
    return min(every, key=_rank, default=None)


def _spans(seconds: tuple[Second, ...]) -> Iterator[Span]:
    for _, group in groupby(seconds, key=lambda second: {tag.name for tag in second.tags}):
        members = list(group)
        best: dict[str, Concept] = {}
        for tag in (tag for member in members for tag in member.tags):
            if tag.name not in best or tag.score > best[tag.name].score:
                best[tag.name] = tag
        tags = tuple(sorted(best.values(), key=_rank))
        yield Span(members[0].second, members[-1].second + 1, tags)
