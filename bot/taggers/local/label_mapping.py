"""From what two models say of a picture to names people say.

``data/everyday.tsv`` gives each of ImageNet's 1000 classes its names from the broadest to the
narrowest: ``animal``, ``dog``, ``golden retriever``. A name's sum is that of its classes' scores,
so what the classifier can't tell apart (two breeds) still adds up to what it can (a dog).
``data/detected.tsv`` does the same for the detector's 80 kinds of objects.

The detector's scores are no probabilities: real people come out at 0.55 to 0.85, and a toy drum at
0.67 as an umbrella. What they are worth depends on what the classifier makes of the same picture.
So a score becomes odds, steeply around the one the table gives (``SLOPE``), times how much more the
classifier believes in the name than it usually does where it is wrong (``USUAL``). Classifier and
detector together are then as sure as two witnesses: one of them suffices.

The figures below and those in the table were found on the tuning photographs of
``benchmarks/quality.py``, and on no others.

Imports NumPy: for code that runs in a child process alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from bot.domain.concepts import Concept

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Numbers = NDArray[np.floating]

DATA = Path(__file__).parent / "data"
CLASSES, KINDS = DATA / "everyday.tsv", DATA / "detected.tsv"
VARIETY = "~"  # marks names of breeds and varieties in the table
DOUBTFUL = "?"  # marks names models give to pictures of nothing in particular
CERTAIN = 0.9  # the sum either needs to be named at all
MAX_CONCEPTS = 20  # concepts of one frame
LEAST = 0.01  # the lowest score worth keeping
# Where the classifier sees nothing it knows, a sum over many classes would be one of crumbs.
CRUMB = 0.01
# In doubt people say the broader name: log-odds lose this, by how many broader names there are.
DOUBT = (0.1, 0.6, 1.5)
SLOPE = 12.0  # log-odds for each 1 of a detector's score
FAINTEST = 0.25  # a detector's score below this says nothing
USUAL, SURE_ENOUGH = 0.05, 0.5


@dataclass(frozen=True, slots=True)
class Says:
    """Which class, or kind of object, says which name: two columns of equal length.

    ``names`` and ``sources`` are numbers of names and of classes or kinds.
    """

    names: NDArray[np.intp]
    sources: NDArray[np.intp]

    def sums(self, worth: Numbers, names: int) -> Numbers:
        """Add up, for each of so many names, what each pair of the columns is worth."""
        return np.asarray(np.bincount(self.names, worth, names), np.float64)


@dataclass(frozen=True, slots=True)
class LabelMapping:
    """Names, and what speaks for each.

    ``even`` (kinds) is the detector's score that is worth even odds; of each name, ``needed`` is
    the sum below which it is not used and ``doubt`` the log-odds it loses.
    """

    names: tuple[str, ...]
    covered: Says
    detected: Says
    even: Numbers
    needed: Numbers
    doubt: Numbers

    def concepts(self, classes: Numbers, kinds: Numbers) -> tuple[Concept, ...]:
        """Return what a frame shows, best first.

        ``classes`` are the classifier's scores, which add up to 1; ``kinds`` the detector's.
        """
        sums = self._sums(classes)
        classified = _probability(_log_odds(sums) - self.doubt)
        scores = 1 - (1 - classified) * np.exp(self._log_unseen(kinds, sums))
        used = np.flatnonzero((scores >= LEAST) & (sums >= self.needed))
        ranked = used[np.argsort(-scores[used], kind="stable")][:MAX_CONCEPTS]
        return tuple(Concept(self.names[n], round(float(scores[n]), 4)) for n in ranked)

    def _sums(self, classes: Numbers) -> Numbers:
        scores = classes[self.covered.sources]
        counted = np.where(scores >= CRUMB, scores, 0)
        return np.clip(self.covered.sums(counted, len(self.names)), 0, 1)

    def _log_unseen(self, kinds: Numbers, sums: Numbers) -> Numbers:
        """Return the logarithm of each name's probability not to be among what was detected."""
        scores = kinds[self.detected.sources]
        belief = np.log(np.clip(sums[self.detected.names], LEAST, SURE_ENOUGH) / USUAL)
        above = scores - self.even[self.detected.sources]
        doubt = self.doubt[self.detected.names] - DOUBT[0]
        worth = _probability(SLOPE * above + belief - doubt)
        unseen = np.log1p(-np.where(scores >= FAINTEST, worth, 0))
        return self.detected.sums(unseen, len(self.names))


def load_label_mapping() -> LabelMapping:
    """Read both tables of names."""
    classes = [line.split("\t")[1:] for line in CLASSES.read_text("utf-8").splitlines()]
    kinds = [line.split("\t") for line in KINDS.read_text("utf-8").splitlines()]
    marked = sorted({name for row in classes for name in row})
    bare = [name.removeprefix(VARIETY).removeprefix(DOUBTFUL) for name in marked]
    names = (*bare, *sorted({name for row in kinds for name in row[2:]} - set(bare)))
    covered = _says((*marked, *names[len(marked) :]), classes)
    detected = _says(names, [row[2:] for row in kinds])
    depth = _depths([*classes, *(row[2:] for row in kinds)])
    certain = np.array([name != mark for name, mark in zip(bare, marked, strict=True)])
    certain.resize(len(names))
    return LabelMapping(
        names,
        covered,
        detected,
        even=np.array([float(row[1]) for row in kinds]),
        needed=np.where(certain, CERTAIN, 0.0),
        doubt=np.array([DOUBT[depth[name]] for name in names]),
    )


def _depths(rows: Sequence[Sequence[str]]) -> dict[str, int]:
    """Return how many broader names each name has."""
    return {
        name.lstrip(VARIETY + DOUBTFUL): depth for row in rows for depth, name in enumerate(row)
    }


def _says(names: Sequence[str], rows: Sequence[Sequence[str]]) -> Says:
    place = {name: number for number, name in enumerate(names)}
    pairs = [(place[name], source) for source, row in enumerate(rows) for name in row]
    columns = np.array(pairs, np.intp).T
    return Says(columns[0], columns[1])


def _log_odds(probability: Numbers) -> Numbers:
    inside = np.clip(probability, 1e-4, 1 - 1e-4)
    return np.log(inside / (1 - inside))


def _probability(log_odds: Numbers) -> Numbers:
    return 1 / (1 + np.exp(-log_odds))
