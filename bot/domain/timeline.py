"""From raw frames to a timeline: the tags of each second, and the segments of each tag."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING

from bot.domain.concepts import Concept
from bot.domain.settings import Smoothing

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

    from bot.domain.concepts import Frame


Run = dict[int, float]
"""Consecutive seconds of one tag, each with its score."""

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
    """Consecutive seconds of one tag: ``start`` to ``end`` (exclusive), and its highest score."""

    tag: str
    start: int
    end: int
    score: float


@dataclass(frozen=True, slots=True)
class Timeline:
    """Every second of a clip in order, and the segments of each tag.

    ``duration`` is in milliseconds; ``best`` is the highest score, whether or not it passed.
    """

    duration: int
    threshold: float
    seconds: tuple[Second, ...]
    segments: tuple[Segment, ...]
    best: Concept | None

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
) -> Timeline:
    """Build a timeline from raw frames by a threshold and a server's smoothing.

    A concept passes strictly above the threshold; if several frames fall into one second, its
    highest score counts. Short dips are bridged: a tag continues for up to ``smoothing.gap``
    seconds in which its raw score is not above the threshold, but above half of it. So a tag that
    is not seen at all in a second is never shown there. Every second has its raw score, so in a dip
    ``Second.tags`` has scores at or below the threshold.

    Frames past the clip's end are left out, as Clarifai may send one more than the clip has
    seconds. So are ``hidden`` concepts, in any capitalization.
    """
    scores = _scores_by_second(frames, count_seconds(duration), {n.casefold() for n in hidden})
    runs = [
        (name, run)
        for name, above_half in _scores_by_name(scores, threshold / 2).items()
        for run in _runs(above_half, threshold, smoothing.gap)
        if len(run) >= smoothing.shortest
    ]
    seconds = tuple(_seconds(runs, len(scores)))
    return Timeline(duration, threshold, seconds, tuple(_segments(runs)), _best(scores))


def _scores_by_second(
    frames: Iterable[Frame], length: int, hidden: Collection[str]
) -> list[dict[str, float]]:
    by_second: list[dict[str, float]] = [{} for _ in range(length)]
    for frame in frames:
        if not 0 <= frame.second < length:
            continue
        scores = by_second[frame.second]
        for concept in frame.concepts:
            if not hidden or concept.name.casefold() not in hidden:
                scores[concept.name] = max(concept.score, scores.get(concept.name, 0.0))
    return by_second


def _scores_by_name(seconds: list[dict[str, float]], minimum: float) -> dict[str, Run]:
    """Return the scores above ``minimum`` by concept and second."""
    found: defaultdict[str, Run] = defaultdict(dict)
    for second, scores in enumerate(seconds):
        for name, score in scores.items():
            if score > minimum:
                found[name][second] = score
    return found


def _runs(above_half: Run, threshold: float, gap: int) -> Iterator[Run]:
    """Yield the runs of one tag, given its scores above half the threshold in order of time.

    A run consists of seconds above the threshold, and of dips between them: at most ``gap`` seconds
    in a row, all above half the threshold.
    """
    run: Run = {}
    last = 0
    for second, score in above_half.items():
        if score <= threshold:
            continue
        dip = range(last + 1, second)
        if run and not (len(dip) <= gap and all(each in above_half for each in dip)):
            yield run
            run = {}
        if run:
            run.update({each: above_half[each] for each in dip})
        run[second] = score
        last = second
    if run:
        yield run


def _seconds(runs: Iterable[tuple[str, Run]], length: int) -> Iterator[Second]:
    tags: list[list[Concept]] = [[] for _ in range(length)]
    for name, run in runs:
        for second, score in run.items():
            tags[second].append(Concept(name, score))
    for second, found in enumerate(tags):
        yield Second(second, tuple(sorted(found, key=_rank)))


def _segments(runs: Iterable[tuple[str, Run]]) -> Iterator[Segment]:
    """Yield segments in order of their start, the best score first among equals."""
    found = [Segment(name, min(run), max(run) + 1, max(run.values())) for name, run in runs]
    yield from sorted(found, key=lambda s: (s.start, -s.score, s.tag))


def _rank(concept: Concept) -> tuple[float, str]:
    return -concept.score, concept.name


def _best(by_second: list[dict[str, float]]) -> Concept | None:
    every = (Concept(name, score) for scores in by_second for name, score in scores.items())
    return min(every, key=_rank, default=None)


def _spans(seconds: tuple[Second, ...]) -> Iterator[Span]:
    for _, group in groupby(seconds, key=lambda second: {tag.name for tag in second.tags}):
        members = list(group)
        best: dict[str, float] = {}
        for tag in (tag for member in members for tag in member.tags):
            best[tag.name] = max(tag.score, best.get(tag.name, 0.0))
        tags = tuple(sorted((Concept(n, s) for n, s in best.items()), key=_rank))
        yield Span(members[0].second, members[-1].second + 1, tags)
