"""Naming what frames show, with the bundled models or the operator's own.

Import this only in a sandboxed child (it uses NumPy and onnxruntime).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

from bot.domain.kind import TAGGED_KINDS
from bot.media.decode.scaling import View
from bot.taggers.local import bundled_models
from bot.taggers.local.bundled_models import CLASSIFIER_SIDE, DETECTOR_VIEW, open_session
from bot.taggers.local.custom_model import load_custom_model
from bot.taggers.local.image_stats import center_crop, is_drawn, is_flat
from bot.taggers.local.kinds import KindHead, Recognized, inputs_of, load_kind_head
from bot.taggers.local.label_mapping import LabelMapping, load_label_mapping

if TYPE_CHECKING:
    from collections.abc import Sequence

    import onnxruntime

    from bot.domain.concepts import Concept
    from bot.domain.model_card import ModelFolder
    from bot.media.decode.scaling import Picture
    from bot.media.decode.source import SampledFrame

_MIN_SCORE_IF_DRAWN = 0.9


class Recognizer(Protocol):
    """Names what frames show. Several threads may call it at once."""

    @property
    def views(self) -> tuple[View, ...]:
        """The pictures it needs of each frame; a frame's ``pictures`` begin with them."""

    @property
    def names(self) -> int:
        """How many names it knows."""

    def recognize(self, batch: Sequence[SampledFrame]) -> list[Recognized]:
        """Return what each frame shows, its concepts best first."""


@dataclass(frozen=True, slots=True)
class ClassifierAndDetector:
    """The default: a classifier for the center of a picture, a detector for all of it."""

    classifier: onnxruntime.InferenceSession
    detector: onnxruntime.InferenceSession
    label_mapping: LabelMapping
    kind_head: KindHead
    views: tuple[View, ...] = (View(CLASSIFIER_SIDE), DETECTOR_VIEW)

    @property
    def names(self) -> int:
        """How many names it knows."""
        return len({*self.label_mapping.names, *TAGGED_KINDS})

    def recognize(self, batch: Sequence[SampledFrame]) -> list[Recognized]:
        """Return what each frame shows, its concepts best first."""
        centers = [center_crop(frame.pictures[0], CLASSIFIER_SIDE) for frame in batch]
        wholes = [frame.pictures[1] for frame in batch]
        classes, features = bundled_models.classify(self.classifier, centers)
        objects = bundled_models.detect(self.detector, wholes)
        inputs = np.stack(list(map(inputs_of, features, centers, wholes)))
        kinds = self.kind_head.probabilities(inputs)
        return [
            Recognized(())
            if is_flat(center)
            else Recognized(credible(center, self.label_mapping.concepts(*scores)), of_kind)
            for center, of_kind, *scores in zip(centers, kinds, classes, objects, strict=True)
        ]


def load_recognizer(custom: ModelFolder | None) -> Recognizer:
    """Load the operator's model if there is one, else the bundled models.

    Raises ``TaggerUnavailable`` if the operator's model can't be used.
    """
    if custom:
        return load_custom_model(custom)
    return ClassifierAndDetector(
        open_session(bundled_models.CLASSIFIER),
        open_session(bundled_models.DETECTOR),
        load_label_mapping(),
        load_kind_head(),
    )


def credible(picture: Picture, concepts: tuple[Concept, ...]) -> tuple[Concept, ...]:
    """Drop concepts the models can't be trusted with, as they were trained on photographs.

    A drawing keeps only those that are nearly certain.
    """
    if is_drawn(picture):
        return tuple(each for each in concepts if each.score >= _MIN_SCORE_IF_DRAWN)
    return concepts
