"""From frames to what people read: tags by second, and segments by tag."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING

from bot.domain.concepts import Concept
from bot.domain.settings import Flicker

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

    from bot.domain.concepts import Frame


Run = dict[int, float]
"""Consecutive seconds of one tag, each with its score."""

EVERYTHING = Flicker(gap=0, shortest=1)
"""Nothing is too short to be told."""


@dataclass(frozen=True, slots=True)
class Second:
    """The tags of one second of a clip, best score first."""

    second: int
    tags: tuple[Concept, ...]


@dataclass(frozen=True, slots=True)
class Span:
    """Consecutive seconds with the same tags: ``start`` to ``end``, which is exclusive.

    ``tags`` has each tag's highest score in the span, best first; none for a span of nothing.
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
    """Every second of a clip in order, and the same told by tag.

    ``duration`` is in milliseconds; ``best`` is the highest score seen whether or not it passed.
    """

    duration: int
    threshold: float
    seconds: tuple[Second, ...]
    segments: tuple[Segment, ...]
    best: Concept | None

    @property
    def spans(self) -> tuple[Span, ...]:
        """The seconds, joined where neighbours have the same tags."""
        return tuple(_spans(self.seconds))


def count_seconds(duration: int) -> int:
    """Return how many seconds a clip of ``duration`` milliseconds has, the last one begun."""
    return max(1, -(-duration // 1000))


def build(
    frames: Iterable[Frame],
    duration: int,
    threshold: float,
    *,
    flicker: Flicker = EVERYTHING,
    hidden: Collection[str] = (),
) -> Timeline:
    """Apply a threshold, and what a server finds too short to be told, to raw frames.

    A concept passes strictly above the threshold. Where several frames fall into one second a
    concept counts with its highest score. Frames past the clip's end are left out: Clarifai may
    send one more than the clip has seconds. So are ``hidden`` concepts, however capitalised.
    """
    seen = _scores_by_second(frames, count_seconds(duration), {name.casefold() for name in hidden})
    runs = [
        (name, run)
        for name, scores in _passed(seen, threshold).items()
        for run in _joined(scores, flicker.gap)
        if len(run) >= flicker.shortest
    ]
    seconds = tuple(_seconds(runs, len(seen)))
    return Timeline(duration, threshold, seconds, tuple(_segments(runs)), _best(seen))


def _scores_by_second(
    frames: Iterable[Frame], length: int, hidden: Collection[str]
) -> list[dict[str, float]]:
    seen: list[dict[str, float]] = [{} for _ in range(length)]
    for frame in frames:
        if not 0 <= frame.second < length:
            continue
        scores = seen[frame.second]
        for concept in frame.concepts:
            if not hidden or concept.name.casefold() not in hidden:
                scores[concept.name] = max(concept.score, scores.get(concept.name, 0.0))
    return seen


def _passed(seen: list[dict[str, float]], threshold: float) -> dict[str, Run]:
    """Return what is above the threshold: by concept, its score by second."""
    passed: defaultdict[str, Run] = defaultdict(dict)
    for second, scores in enumerate(seen):
        for name, score in scores.items():
            if score > threshold:
                passed[name][second] = score
    return passed


def _joined(scores: Run, gap: int) -> Iterator[Run]:
    """Yield the runs of one tag, those at most ``gap`` seconds apart as one.

    A second in a gap counts with the lower score of those around it.
    """
    run: Run = {}
    last = 0
    for second, score in scores.items():
        if run and second - last - 1 > gap:
            yield run
            run = {}
        if run:
            between = min(run[last], score)
            run.update(dict.fromkeys(range(last + 1, second), between))
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


def _best(seen: list[dict[str, float]]) -> Concept | None:
    every = (Concept(name, score) for scores in seen for name, score in scores.items())
    return min(every, key=_rank, default=None)


def _spans(seconds: tuple[Second, ...]) -> Iterator[Span]:
    for _, group in groupby(seconds, key=lambda second: {tag.name for tag in second.tags}):
        members = list(group)
        best: dict[str, float] = {}
        for tag in (tag for member in members for tag in member.tags):
            best[tag.name] = max(tag.score, best.get(tag.name, 0.0))
        tags = tuple(sorted((Concept(n, s) for n, s in best.items()), key=_rank))
        yield Span(members[0].second, members[-1].second + 1, tags)
