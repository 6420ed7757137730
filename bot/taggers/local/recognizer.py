"""What names what a frame shows: two models by default, or the operator's own.

Imports NumPy and onnxruntime: for code that runs in a sandboxed child alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

from bot.media.decode.scaling import View
from bot.taggers.local import detector
from bot.taggers.local.classifier_model import SIDE, ensure_model
from bot.taggers.local.custom_model import load_custom_model
from bot.taggers.local.image_stats import is_drawn, is_flat, middle
from bot.taggers.local.label_mapping import LabelMapping, load_label_mapping
from bot.taggers.local.sessions import open_session

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import onnxruntime

    from bot.domain.concepts import Concept
    from bot.media.decode.sampling import SampledFrame
    from bot.media.decode.scaling import Picture

CERTAIN_IF_DRAWN = 0.9  # the score that is believed of a drawn picture


class Recognizer(Protocol):
    """Names what frames show; may be asked by several threads at once."""

    @property
    def views(self) -> tuple[View, ...]:
        """The pictures it wants of each frame, first in the frame's ``pictures``, in this order."""

    @property
    def names(self) -> int:
        """How many names it knows."""

    def recognize(self, batch: Sequence[SampledFrame]) -> list[tuple[Concept, ...]]:
        """Return the concepts of each frame, best first."""


@dataclass(frozen=True, slots=True)
class ClassifierAndDetector:
    """The default: a classifier for the middle of a picture, a detector for all of it."""

    classifier: onnxruntime.InferenceSession
    detector: onnxruntime.InferenceSession
    label_mapping: LabelMapping
    views: tuple[View, ...] = (View(SIDE), detector.VIEW)

    @property
    def names(self) -> int:
        """How many names it knows."""
        return len(self.label_mapping.names)

    def recognize(self, batch: Sequence[SampledFrame]) -> list[tuple[Concept, ...]]:
        """Return the concepts of each frame, best first."""
        middles = [middle(frame.pictures[0], SIDE) for frame in batch]
        (classes,) = self.classifier.run(None, {"pictures": np.stack(middles)})
        kinds = detector.detect(self.detector, [frame.pictures[1] for frame in batch])
        return [
            believed(picture, self.label_mapping.concepts(*scores))
            for picture, *scores in zip(middles, classes, kinds, strict=True)
        ]


def load_recognizer(models: Path, own: Path | None) -> Recognizer:
    """Load the operator's own model, or the default ones.

    The classifier is built in ``models`` where it is missing there. Raises ``TaggerUnavailable``
    where an own model can't be used.
    """
    if own:
        return load_custom_model(own)
    classifier, finder = open_session(ensure_model(models)), open_session(detector.MODEL)
    return ClassifierAndDetector(classifier, finder, load_label_mapping())


def believed(picture: Picture, concepts: tuple[Concept, ...]) -> tuple[Concept, ...]:
    """Return what can be believed of a picture, by whether it is a photograph of anything."""
    if is_flat(picture):
        return ()
    if is_drawn(picture):
        return tuple(each for each in concepts if each.score >= CERTAIN_IF_DRAWN)
    return concepts
