"""Mapping the scores of the two bundled models to names people use.

The tables in ``labels`` give each of the classifier's classes and the detector's kinds up to three
names, from the broadest to the narrowest. The classifier's score for a name is the sum over its
classes: if it can't tell two breeds apart, they still add up to a dog.

The detector's scores are not probabilities: people score 0.55 to 0.85, and a toy drum scored 0.67
as an umbrella. How much a detection is worth depends on what the classifier says about the same
picture. So a score becomes log-odds, centered on the score in the table (``_SLOPE``), plus the
logarithm of how much more the classifier believes in the name than it usually does when it is
wrong (``_USUAL_IF_WRONG``). Classifier and detector are then combined as two independent
witnesses (noisy-or): either alone is enough.

All constants here and in the tables were tuned on the tuning photographs of
``benchmarks/quality.py`` only.

Import this only in a sandboxed child (it uses NumPy).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from bot.domain.concepts import Concept
from bot.taggers.local.labels import (
    CLASS_LABELS,
    DOUBTFUL,
    KIND_LABELS,
    MAX_CONCEPTS,
    MIN_SCORE,
    VARIETY,
    read_labels,
    unmarked,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Numbers = NDArray[np.floating]

_MIN_SUM_IF_MARKED = 0.9  # the sum of class scores that a marked name needs
# Lower class scores are ignored: where the classifier recognizes nothing, they would add up.
_MIN_CLASS_SCORE = 0.01
# If in doubt people use the broader name: log-odds taken off, by the number of broader names.
_PENALTIES = (0.1, 0.6, 1.5)
_SLOPE = 12.0  # log-odds per 1 of a detector's score
_MIN_KIND_SCORE = 0.25  # lower detections are ignored
_USUAL_IF_WRONG, _MAX_BELIEF = 0.05, 0.5


@dataclass(frozen=True, slots=True)
class Edges:
    """Which source (class or kind) counts for which name: two columns of indices, same length."""

    names: NDArray[np.intp]
    sources: NDArray[np.intp]

    def sums(self, weights: Numbers, names: int) -> Numbers:
        """Return the sum of the edges' weights for each of ``names`` names."""
        return np.asarray(np.bincount(self.names, weights, names), np.float64)


@dataclass(frozen=True, slots=True)
class LabelMapping:
    """All names, and which classes and kinds count for each.

    ``even_odds`` has, for each kind, the detector's score that means odds of 1:1. ``min_sums`` has,
    for each name, the sum of class scores it needs, and ``penalties`` the log-odds taken off.
    """

    names: tuple[str, ...]
    class_edges: Edges
    kind_edges: Edges
    even_odds: Numbers
    min_sums: Numbers
    penalties: Numbers

    def concepts(self, classes: Numbers, kinds: Numbers) -> tuple[Concept, ...]:
        """Return a frame's concepts, best first.

        ``classes`` are the classifier's 1000 probabilities, ``kinds`` the detector's 80 scores.
        """
        sums = self._sums(classes)
        classified = _probability(_log_odds(sums) - self.penalties)
        scores = 1 - (1 - classified) * np.exp(self._log_undetected(kinds, sums))
        used = np.flatnonzero((scores >= MIN_SCORE) & (sums >= self.min_sums))
        ranked = used[np.argsort(-scores[used], kind="stable")][:MAX_CONCEPTS]
        return tuple(Concept(self.names[n], round(float(scores[n]), 4)) for n in ranked)

    def _sums(self, classes: Numbers) -> Numbers:
        scores = classes[self.class_edges.sources]
        counted = np.where(scores >= _MIN_CLASS_SCORE, scores, 0)
        return np.clip(self.class_edges.sums(counted, len(self.names)), 0, 1)

    def _log_undetected(self, kinds: Numbers, sums: Numbers) -> Numbers:
        """Return, for each name, the log-probability that none of its detections is right."""
        edges = self.kind_edges
        scores = kinds[edges.sources]
        belief = np.log(np.clip(sums[edges.names], MIN_SCORE, _MAX_BELIEF) / _USUAL_IF_WRONG)
        above = scores - self.even_odds[edges.sources]
        penalty = self.penalties[edges.names] - _PENALTIES[0]
        detected = _probability(_SLOPE * above + belief - penalty)
        undetected = np.log1p(-np.where(scores >= _MIN_KIND_SCORE, detected, 0))
        return edges.sums(undetected, len(self.names))


def load_label_mapping() -> LabelMapping:
    """Read both label tables."""
    classes = [row[1:] for row in read_labels(CLASS_LABELS)]
    kinds = read_labels(KIND_LABELS)
    marked = sorted({name for row in classes for name in row})
    bare = [name.removeprefix(VARIETY).removeprefix(DOUBTFUL) for name in marked]
    names = (*bare, *sorted({name for row in kinds for name in row[2:]} - set(bare)))
    class_edges = _edges((*marked, *names[len(marked) :]), classes)
    kind_edges = _edges(names, [row[2:] for row in kinds])
    depth = _depths([*classes, *(row[2:] for row in kinds)])
    is_marked = np.array([name != mark for name, mark in zip(bare, marked, strict=True)])
    is_marked.resize(len(names))
    return LabelMapping(
        names,
        class_edges,
        kind_edges,
        even_odds=np.array([float(row[1]) for row in kinds]),
        min_sums=np.where(is_marked, _MIN_SUM_IF_MARKED, 0.0),
        penalties=np.array([_PENALTIES[depth[name]] for name in names]),
    )


def _depths(rows: Sequence[Sequence[str]]) -> dict[str, int]:
    """Return the number of broader names of each name."""
    return {unmarked(name): depth for row in rows for depth, name in enumerate(row)}


def _edges(names: Sequence[str], rows: Sequence[Sequence[str]]) -> Edges:
    index = {name: number for number, name in enumerate(names)}
    pairs = [(index[name], source) for source, row in enumerate(rows) for name in row]
    columns = np.array(pairs, np.intp).T
    return Edges(columns[0], columns[1])


def _log_odds(probability: Numbers) -> Numbers:
    inside = np.clip(probability, 1e-4, 1 - 1e-4)
    return np.log(inside / (1 - inside))


def _probability(log_odds: Numbers) -> Numbers:
    return 1 / (1 + np.exp(-log_odds))
