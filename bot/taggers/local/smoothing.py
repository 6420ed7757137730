"""Smoothing scores over neighbouring seconds of the same scene: pure functions."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING

from bot.domain.concepts import Concept

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from bot.domain.concepts import Frame

# The weight of a neighbour that shows exactly the same; the second itself weighs 1.
_NEIGHBOUR_WEIGHT = 0.5
# Neighbours can only raise scores of at least this: a concept hardly seen in a second stays low.
_MIN_RAISED_SCORE = 0.3


def smooth(frames: Sequence[Frame]) -> tuple[Frame, ...]:
    """Average each score with those of the neighbouring frames; ``frames`` are in order of time.

    A neighbour's weight is its similarity to the frame. So a mistake of one second within a scene
    is outvoted, what the whole scene shows gains, and nothing crosses a cut. No frame gets a
    concept it lacked.
    """
    similarities = [0.0, *(similarity(one, other) for one, other in pairwise(frames)), 0.0]
    return tuple(
        replace(frame, concepts=_smoothed(frame, list(_neighbours(frames, similarities, place))))
        for place, frame in enumerate(frames)
    )


def similarity(one: Frame, other: Frame) -> float:
    """Return the similarity of two frames' concepts, 0-1: the weighted Jaccard index."""
    first, second = _scores(one), _scores(other)
    names = first.keys() | second.keys()
    shared = sum(min(first.get(name, 0.0), second.get(name, 0.0)) for name in names)
    total = sum(max(first.get(name, 0.0), second.get(name, 0.0)) for name in names)
    return shared / total if total else 0.0


def _neighbours(
    frames: Sequence[Frame], similarities: Sequence[float], place: int
) -> Iterator[tuple[float, dict[str, float]]]:
    """Yield the weight and the scores of the frames before and after."""
    before_and_after = ((place - 1, similarities[place]), (place + 1, similarities[place + 1]))
    for neighbour, similar in before_and_after:
        if similar:
            yield _NEIGHBOUR_WEIGHT * similar, _scores(frames[neighbour])


def _smoothed(
    frame: Frame, neighbours: Sequence[tuple[float, dict[str, float]]]
) -> tuple[Concept, ...]:
    total = 1 + sum(weight for weight, _ in neighbours)
    smoothed: list[Concept] = []
    for concept in frame.concepts:
        others = sum(weight * scores.get(concept.name, 0.0) for weight, scores in neighbours)
        mean = (concept.score + others) / total
        score = mean if concept.score >= _MIN_RAISED_SCORE else min(mean, concept.score)
        smoothed.append(Concept(concept.name, round(score, 4)))
    return tuple(sorted(smoothed, key=lambda concept: -concept.score))


def _scores(frame: Frame) -> dict[str, float]:
    return {concept.name: concept.score for concept in frame.concepts}
