"""From ImageNet's 1000 classes to names people say.

The table in ``data/everyday.tsv`` gives each class its names from the broadest to the narrowest:
``animal``, ``dog``, ``golden retriever``. A name's score is the sum of its classes' scores, so what
a model can't tell apart (two breeds) still adds up to what it can (a dog).

Imports NumPy: for code that runs in a child process alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from bot.domain.concepts import Concept

if TYPE_CHECKING:
    from numpy.typing import NDArray

TABLE = Path(__file__).parent / "data" / "everyday.tsv"
VARIETY = "~"  # marks names of breeds and varieties in the table
DOUBTFUL = "?"  # marks names models give to pictures of nothing in particular
CERTAIN = 0.8  # the score either needs to be named at all
MOST = 20  # concepts of one frame
LEAST = 0.01  # the lowest score worth keeping


@dataclass(frozen=True, slots=True)
class Everyday:
    """Names and what they cover.

    ``covers`` is float32 (names, classes), 1 where a name covers a class, else 0; ``needed`` is
    float32 (names), the score below which a name is not used.
    """

    names: tuple[str, ...]
    covers: NDArray[np.float32]
    needed: NDArray[np.float32]

    def concepts(self, scores: NDArray[np.float32]) -> tuple[Concept, ...]:
        """Return what a frame shows, best first.

        ``scores`` of the classes, float32 (classes,), add up to 1.
        """
        sums = np.minimum(self.covers @ scores, 1.0)
        ranked = np.argsort(-sums, kind="stable")
        used = [number for number in ranked if sums[number] >= self.needed[number]]
        return tuple(Concept(self.names[n], round(float(sums[n]), 4)) for n in used[:MOST])


def load_everyday(path: Path = TABLE) -> Everyday:
    """Read the table of names."""
    rows = [line.split("\t")[1:] for line in path.read_text("utf-8").splitlines()]
    marked = sorted({name for row in rows for name in row})
    covers = np.zeros((len(marked), len(rows)), np.float32)
    place = {name: number for number, name in enumerate(marked)}
    for class_number, row in enumerate(rows):
        covers[[place[name] for name in row], class_number] = 1.0
    needed = [CERTAIN if name.startswith((VARIETY, DOUBTFUL)) else LEAST for name in marked]
    names = tuple(name.removeprefix(VARIETY).removeprefix(DOUBTFUL) for name in marked)
    return Everyday(names, covers, np.array(needed, np.float32))
