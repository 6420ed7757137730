"""An image classifier that the operator brings: a folder with ``model.onnx`` and ``model.json``."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

CARD_FILE, MODEL_FILE = "model.json", "model.onnx"


@dataclass(frozen=True, slots=True)
class ModelCard:
    """What ``model.json`` says: how to feed a classifier, and how to read its output.

    ``labels`` names each of its scores; a score whose label is empty is ignored. The model gets the
    center of a picture, ``size`` pixels square, after the picture's shorter side was scaled to
    ``size / crop``. ``mean`` and ``std`` normalize the channels red, green and blue of pixels in
    0-1. ``threshold`` is the default score above which tags are shown.
    """

    name: str
    labels: tuple[str, ...]
    size: int
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    scores: Literal["softmax", "sigmoid", "probabilities"]
    threshold: float
    layout: Literal["nchw", "nhwc"] = "nchw"
    colours: Literal["rgb", "bgr"] = "rgb"
    crop: float = 0.875

    @property
    def scaled_side(self) -> int:
        """The length of a picture's shorter side before cropping, in pixels."""
        return round(self.size / self.crop)


@dataclass(frozen=True, slots=True)
class ModelFolder:
    """A folder with an operator's model, and its card."""

    path: Path
    card: ModelCard

    @property
    def model(self) -> Path:
        """The path of the ONNX file."""
        return self.path / MODEL_FILE

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {"path": str(self.path), "card": asdict(self.card)}

    @classmethod
    def from_dict(cls, saved: dict[str, Any]) -> ModelFolder:
        """Restore what ``as_dict`` returned, even after it was JSON."""
        card: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value
            for name, value in saved["card"].items()
        }
        return cls(Path(saved["path"]), ModelCard(**card))
