"""An operator's own classifier: any ONNX file that gives scores for a picture (LOCAL_MODEL).

Imports NumPy and onnxruntime: for code that runs in a sandboxed child alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from bot.domain import model_card
from bot.domain.concepts import Concept
from bot.errors import TaggerUnavailable
from bot.media.decode.scaling import View
from bot.taggers.local.image_stats import is_flat, middle
from bot.taggers.local.label_mapping import LEAST, MAX_CONCEPTS
from bot.taggers.local.sessions import open_session

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import onnxruntime

    from bot.domain.model_card import ModelCard
    from bot.media.decode.sampling import SampledFrame
    from bot.media.decode.scaling import Picture
    from bot.taggers.local.label_mapping import Numbers

# What ONNX calls the kinds of numbers a model may take; bytes are taken as they come.
INPUTS: dict[str, type[np.generic]] = {
    "tensor(float)": np.float32,
    "tensor(float16)": np.float16,
    "tensor(uint8)": np.uint8,
}


@dataclass(frozen=True, slots=True)
class CustomModel:
    """A classifier, asked as its card says."""

    session: onnxruntime.InferenceSession
    card: ModelCard

    @property
    def views(self) -> tuple[View, ...]:
        """The pictures it wants of each frame."""
        return (View(self.card.side),)

    @property
    def names(self) -> int:
        """How many names it knows."""
        return len(set(self.card.labels) - {""})

    def recognize(self, batch: Sequence[SampledFrame]) -> list[tuple[Concept, ...]]:
        """Return the concepts of each frame, best first."""
        return [self._concepts(middle(frame.pictures[0], self.card.size)) for frame in batch]

    def scores(self, picture: Picture) -> Numbers:
        """Return the scores, 0–1, of a square picture of the right size."""
        (entry,) = self.session.get_inputs()
        given = prepared(picture, self.card, INPUTS[entry.type])
        first = self.session.run(None, {entry.name: given})[0]
        return read_scores(np.asarray(first, np.float64).reshape(-1), self.card)

    def _concepts(self, picture: Picture) -> tuple[Concept, ...]:
        if is_flat(picture):
            return ()
        best: dict[str, float] = {}
        for name, score in zip(self.card.labels, self.scores(picture), strict=True):
            best[name] = max(float(score), best.get(name, 0.0))
        told = [(name, score) for name, score in best.items() if name and score >= LEAST]
        ranked = sorted(told, key=lambda each: -each[1])[:MAX_CONCEPTS]
        return tuple(Concept(name, round(score, 4)) for name, score in ranked)


def load_custom_model(folder: Path) -> CustomModel:
    """Load the model in ``folder`` and ask it once; raises ``TaggerUnavailable`` where it fails."""
    card = model_card.parse((folder / model_card.CARD).read_text("utf-8"), folder.name)
    try:
        model = CustomModel(open_session(folder / model_card.MODEL), card)
        _check_inputs(model.session)
        grey = np.full((card.size, card.size, 3), 128, np.uint8)
        found = len(model.scores(grey))
    except TaggerUnavailable:
        raise
    except Exception as error:  # whatever onnxruntime raises of a file that isn't ours
        raise TaggerUnavailable(detail=f"{model_card.MODEL}: {error}") from error
    if found != len(card.labels):
        raise _unfit(f"gives {found} scores, {model_card.CARD} has {len(card.labels)} labels")
    return model


def _check_inputs(session: onnxruntime.InferenceSession) -> None:
    entries = session.get_inputs()
    if len(entries) != 1:
        raise _unfit(f"takes {len(entries)} inputs instead of one picture")
    if entries[0].type not in INPUTS:
        raise _unfit(f"takes {entries[0].type}, which a picture can't be made into")


def _unfit(what: str) -> TaggerUnavailable:
    return TaggerUnavailable(detail=f"{model_card.MODEL} {what}")


def prepared(picture: Picture, card: ModelCard, kind: type[np.generic]) -> Any:
    """Return a picture as the model takes it, a batch of one."""
    numbers: Any = picture
    if kind is not np.uint8:
        numbers = ((picture / 255.0 - card.mean) / card.std).astype(kind)
    if card.colours == "bgr":
        numbers = numbers[:, :, ::-1]
    if card.layout == "nchw":
        numbers = numbers.transpose(2, 0, 1)
    return np.ascontiguousarray(numbers[None])


def read_scores(given: Numbers, card: ModelCard) -> Numbers:
    """Return what a model gives as scores 0–1; what is no number counts as 0."""
    numbers = np.nan_to_num(given)
    if card.scores == "softmax":
        raised = np.exp(numbers - numbers.max())
        return np.asarray(raised / raised.sum())
    if card.scores == "sigmoid":
        return 1 / (1 + np.exp(-np.clip(numbers, -50, 50)))
    return np.clip(numbers, 0, 1)
