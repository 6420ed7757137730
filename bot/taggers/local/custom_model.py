"""The operator's own classifier (LOCAL_MODEL): any ONNX file that gives scores for a picture.

Import this only in a sandboxed child (it uses NumPy and onnxruntime).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from bot.domain.concepts import Concept
from bot.domain.model_card import CARD_FILE, MODEL_FILE
from bot.errors import TaggerUnavailable
from bot.media.decode.scaling import View
from bot.taggers.local.bundled_models import open_session
from bot.taggers.local.image_stats import center_crop, is_flat
from bot.taggers.local.kinds import Recognized
from bot.taggers.local.labels import MAX_CONCEPTS, MIN_SCORE

if TYPE_CHECKING:
    from collections.abc import Sequence

    import onnxruntime

    from bot.domain.model_card import ModelCard, ModelFolder
    from bot.media.decode.scaling import Picture
    from bot.media.decode.source import SampledFrame
    from bot.taggers.local.label_mapping import Numbers

# The element types of ONNX inputs that are supported; bytes are passed without normalization.
_INPUT_TYPES: dict[str, type[np.generic]] = {
    "tensor(float)": np.float32,
    "tensor(float16)": np.float16,
    "tensor(uint8)": np.uint8,
}


@dataclass(frozen=True, slots=True)
class CustomModel:
    """A classifier that is used as its card says."""

    session: onnxruntime.InferenceSession
    card: ModelCard

    @property
    def views(self) -> tuple[View, ...]:
        """The pictures it needs of each frame."""
        return (View(self.card.scaled_side),)

    @property
    def names(self) -> int:
        """How many names it knows."""
        return len(set(self.card.labels) - {""})

    def recognize(self, batch: Sequence[SampledFrame]) -> list[Recognized]:
        """Return the concepts of each frame, best first."""
        centers = [center_crop(frame.pictures[0], self.card.size) for frame in batch]
        return [Recognized(self._concepts(center)) for center in centers]

    def scores(self, picture: Picture) -> Numbers:
        """Return the scores, 0-1, of a square picture of the right size."""
        (entry,) = self.session.get_inputs()
        tensor = to_tensor(picture, self.card, _INPUT_TYPES[entry.type])
        output = self.session.run(None, {entry.name: tensor})[0]
        return to_scores(np.asarray(output, np.float64).reshape(-1), self.card)

    def _concepts(self, picture: Picture) -> tuple[Concept, ...]:
        if is_flat(picture):
            return ()
        best: dict[str, float] = {}
        for name, score in zip(self.card.labels, self.scores(picture), strict=True):
            best[name] = max(float(score), best.get(name, 0.0))
        used = [(name, score) for name, score in best.items() if name and score >= MIN_SCORE]
        ranked = sorted(used, key=lambda each: -each[1])[:MAX_CONCEPTS]
        return tuple(Concept(name, round(score, 4)) for name, score in ranked)


def load_custom_model(folder: ModelFolder) -> CustomModel:
    """Load the model and run it once; raises ``TaggerUnavailable`` if either fails."""
    card = folder.card
    try:
        model = CustomModel(open_session(folder.model), card)
        _check_inputs(model.session)
        grey = np.full((card.size, card.size, 3), 128, np.uint8)
        count = len(model.scores(grey))
    except TaggerUnavailable:
        raise
    except Exception as error:  # whatever onnxruntime raises about a file that isn't ours
        raise TaggerUnavailable(detail=f"{MODEL_FILE}: {error}") from error
    if count != len(card.labels):
        raise _mismatch(f"returns {count} scores, but {CARD_FILE} has {len(card.labels)} labels")
    return model


def _check_inputs(session: onnxruntime.InferenceSession) -> None:
    entries = session.get_inputs()
    if len(entries) != 1:
        raise _mismatch(f"takes {len(entries)} inputs, but must take one picture")
    if entries[0].type not in _INPUT_TYPES:
        raise _mismatch(f"takes {entries[0].type}, but must take one of {', '.join(_INPUT_TYPES)}")


def _mismatch(what: str) -> TaggerUnavailable:
    return TaggerUnavailable(detail=f"{MODEL_FILE} {what}")


def to_tensor(picture: Picture, card: ModelCard, kind: type[np.generic]) -> Any:
    """Return a picture as the model's input, a batch of one."""
    pixels: Any = picture
    if kind is not np.uint8:
        pixels = ((picture / 255.0 - card.mean) / card.std).astype(kind)
    if card.colours == "bgr":
        pixels = pixels[:, :, ::-1]
    if card.layout == "nchw":
        pixels = pixels.transpose(2, 0, 1)
    return np.ascontiguousarray(pixels[None])


def to_scores(output: Numbers, card: ModelCard) -> Numbers:
    """Return a model's output as scores 0-1; NaN counts as 0."""
    numbers = np.nan_to_num(output)
    if card.scores == "softmax":
        exponentials = np.exp(numbers - numbers.max())
        return np.asarray(exponentials / exponentials.sum())
    if card.scores == "sigmoid":
        return 1 / (1 + np.exp(-np.clip(numbers, -50, 50)))
    return np.clip(numbers, 0, 1)
