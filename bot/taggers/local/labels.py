"""The names that the local models can give: two tables, or the labels of the operator's model.

``data/imagenet_labels.tsv`` gives each of ImageNet's 1000 classes up to three names, from the
broadest to the narrowest: ``animal``, ``dog``, ``golden retriever``. ``data/coco_labels.tsv`` does
the same for the detector's 80 kinds of objects.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from bot.domain.kind import TAGGED_KINDS

if TYPE_CHECKING:
    from bot.domain.model_card import ModelFolder

_DATA = Path(__file__).parent / "data"
CLASS_LABELS, KIND_LABELS = _DATA / "imagenet_labels.tsv", _DATA / "coco_labels.tsv"
MAX_CONCEPTS = 20  # per frame
MIN_SCORE = 0.01  # lower scores are dropped
VARIETY = "~"  # marks names of breeds and varieties in the table
DOUBTFUL = "?"  # marks names that models give to pictures of nothing in particular


def read_labels(table: Path) -> list[list[str]]:
    """Return the columns of each row of a label table."""
    return [line.split("\t") for line in table.read_text("utf-8").splitlines()]


def unmarked(name: str) -> str:
    """Return a name without its mark."""
    return name.lstrip(VARIETY + DOUBTFUL)


def model_names(custom: ModelFolder | None) -> frozenset[str]:
    """Return every name that the bundled models, or the operator's ``custom`` one, can give."""
    if custom:
        return frozenset(custom.card.labels) - {""}
    classes = (row[1:] for row in read_labels(CLASS_LABELS))
    kinds = (row[2:] for row in read_labels(KIND_LABELS))
    names = frozenset(unmarked(name) for row in (*classes, *kinds) for name in row)
    return names.union(kind.value for kind in TAGGED_KINDS)
