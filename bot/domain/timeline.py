"""From frames to what people read: tags by second, and segments by tag."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING

from bot.domain.concepts import Concept

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from bot.domain.concepts import Frame


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


def build(frames: Iterable[Frame], duration: int, threshold: float) -> Timeline:
    """Apply a threshold to raw frames.

    A concept passes strictly above the threshold. Where several frames fall into one second a
    concept counts with its highest score. Frames past the clip's end are left out: Clarifai may
    send one more than the clip has seconds.
    """
    seen = _scores_by_second(frames, count_seconds(duration))
    seconds = tuple(
        Second(second, _ranked(scores, threshold)) for second, scores in enumerate(seen)
    )
    return Timeline(duration, threshold, seconds, tuple(_segments(seconds)), _best(seen))


def _scores_by_second(frames: Iterable[Frame], length: int) -> list[dict[str, float]]:
    seen: list[dict[str, float]] = [{} for _ in range(length)]
    for frame in frames:
        if not 0 <= frame.second < length:
            continue
        scores = seen[frame.second]
        for concept in frame.concepts:
            scores[concept.name] = max(concept.score, scores.get(concept.name, 0.0))
    return seen


def _ranked(scores: dict[str, float], threshold: float) -> tuple[Concept, ...]:
    passed = (Concept(name, score) for name, score in scores.items() if score > threshold)
    return tuple(sorted(passed, key=_rank))


def _rank(concept: Concept) -> tuple[float, str]:
    return -concept.score, concept.name


def _best(seen: list[dict[str, float]]) -> Concept | None:
    every = (Concept(name, score) for scores in seen for name, score in scores.items())
    return min(every, key=_rank, default=None)


def _segments(seconds: tuple[Second, ...]) -> Iterator[Segment]:
    """Yield segments in order of their start, the best score first among equals."""
    scores: defaultdict[str, dict[int, float]] = defaultdict(dict)
    for second in seconds:
        for tag in second.tags:
            scores[tag.name][second.second] = tag.score
    found = [segment for name, by_second in scores.items() for segment in _runs(name, by_second)]
    yield from sorted(found, key=lambda s: (s.start, -s.score, s.tag))


def _runs(name: str, by_second: dict[int, float]) -> Iterator[Segment]:
    """Yield the runs of neighbouring seconds: in a run, second minus position stays the same."""
    for _, run in groupby(enumerate(by_second), key=lambda pair: pair[1] - pair[0]):
        run_seconds = [second for _, second in run]
        score = max(by_second[second] for second in run_seconds)
        yield Segment(name, run_seconds[0], run_seconds[-1] + 1, score)


def _spans(seconds: tuple[Second, ...]) -> Iterator[Span]:
    for _, group in groupby(seconds, key=lambda second: {tag.name for tag in second.tags}):
        members = list(group)
        best: dict[str, float] = {}
        for tag in (tag for member in members for tag in member.tags):
            best[tag.name] = max(tag.score, best.get(tag.name, 0.0))
        tags = tuple(sorted((Concept(n, s) for n, s in best.items()), key=_rank))
        yield Span(members[0].second, members[-1].second + 1, tags)
