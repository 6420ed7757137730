"""Evidence of neighbouring seconds, joined: pure, over a whole clip's frames."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING

from bot.domain.concepts import Concept

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from bot.domain.concepts import Frame

# What a neighbour that shows exactly the same is worth beside a second itself.
NEIGHBOUR = 0.5
# Neighbours raise a score from here on; what a second barely shows itself stays as low as it is.
OWN_EVIDENCE = 0.3


def join(frames: Sequence[Frame]) -> tuple[Frame, ...]:
    """Let seconds that show the same support each other, in order of time.

    A score becomes the mean of its own second's, in full, and its neighbours', as far as those show
    the same (``likeness``): a flicker within a scene loses, what the scene shows all along gains,
    and nothing crosses a cut. No name appears in a second that had none of it.
    """
    alike = [0.0, *(likeness(one, other) for one, other in pairwise(frames)), 0.0]
    return tuple(
        replace(frame, concepts=_joined(frame, list(_neighbours(frames, alike, place))))
        for place, frame in enumerate(frames)
    )


def likeness(one: Frame, other: Frame) -> float:
    """Return how much of what two frames show is the same, 0–1."""
    mine, theirs = _scores(one), _scores(other)
    names = mine.keys() | theirs.keys()
    shared = sum(min(mine.get(name, 0.0), theirs.get(name, 0.0)) for name in names)
    shown = sum(max(mine.get(name, 0.0), theirs.get(name, 0.0)) for name in names)
    return shared / shown if shown else 0.0


def _neighbours(
    frames: Sequence[Frame], alike: Sequence[float], place: int
) -> Iterator[tuple[float, dict[str, float]]]:
    for neighbour, likeness_to_it in ((place - 1, alike[place]), (place + 1, alike[place + 1])):
        if likeness_to_it:
            yield NEIGHBOUR * likeness_to_it, _scores(frames[neighbour])


def _joined(
    frame: Frame, neighbours: Sequence[tuple[float, dict[str, float]]]
) -> tuple[Concept, ...]:
    whole = 1 + sum(weight for weight, _ in neighbours)
    joined: list[Concept] = []
    for concept in frame.concepts:
        theirs = sum(weight * scores.get(concept.name, 0.0) for weight, scores in neighbours)
        mean = (concept.score + theirs) / whole
        score = mean if concept.score >= OWN_EVIDENCE else min(mean, concept.score)
        joined.append(Concept(concept.name, round(score, 4)))
    return tuple(sorted(joined, key=lambda concept: -concept.score))


def _scores(frame: Frame) -> dict[str, float]:
    return {concept.name: concept.score for concept in frame.concepts}
