"""What an operator says of a model of their own: ``model.json`` beside ``model.onnx``."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from bot.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable

CARD, MODEL = "model.json", "model.onnx"
SIZES = range(16, 1025)  # pixels; beyond that one frame costs seconds
Scores = Literal["softmax", "sigmoid", "probabilities"]
Layout = Literal["nchw", "nhwc"]
Colours = Literal["rgb", "bgr"]
Colour = tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class ModelCard:
    """How to ask a classifier and how to read what it says.

    ``labels`` has the name of each of its scores, empty for one that is never told. It takes the
    middle of a picture, ``size`` pixels square, out of one whose shorter side is ``size / crop``;
    ``mean`` and ``std`` are those of the colours in the order red, green, blue, of pixels 0–1.
    ``threshold`` is the score above which tags are shown by default.
    """

    name: str
    labels: tuple[str, ...]
    size: int
    mean: Colour
    std: Colour
    scores: Scores
    threshold: float
    layout: Layout = "nchw"
    colours: Colours = "rgb"
    crop: float = 0.875

    @property
    def side(self) -> int:
        """How long the shorter side of a picture has to be, in pixels."""
        return round(self.size / self.crop)


def parse(text: str, folder_name: str) -> ModelCard:
    """Read ``model.json``; raises ``ConfigError`` with a sentence for each mistake.

    The model is called as its folder is where the card names none.
    """
    try:
        found = json.loads(text)
    except ValueError as error:
        raise ConfigError([f"{CARD} is not JSON: {error}"]) from None
    if not isinstance(found, dict):
        raise ConfigError([f"{CARD} must be an object in {{braces}}"])
    given = {"name": folder_name, **found}
    mistakes = [*_missing(given), *_unknown(given), *_wrong(given)]
    if mistakes:
        raise ConfigError(mistakes)
    return ModelCard(**{key: _value(key, value) for key, value in given.items()})


def _missing(given: dict[str, Any]) -> list[str]:
    needed = ("labels", "size", "mean", "std", "scores", "threshold")
    return [f"{CARD} lacks {key!r}" for key in needed if key not in given]


def _unknown(given: dict[str, Any]) -> list[str]:
    return [f"{CARD} has {key!r}, which nothing reads" for key in given if key not in _RULES]


def _wrong(given: dict[str, Any]) -> list[str]:
    return [
        f"{CARD}: {key!r} must be {what}"
        for key, (is_right, what) in _RULES.items()
        if key in given and not is_right(given[key])
    ]


def _value(key: str, value: Any) -> Any:
    return tuple(value) if key in {"labels", "mean", "std"} else value


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_line(value: Any) -> bool:
    return isinstance(value, str) and value.isprintable()


def _are_labels(value: Any) -> bool:
    return isinstance(value, list) and any(value) and all(_is_line(label) for label in value)


def _are_colours(value: Any) -> bool:
    return isinstance(value, list) and len(value) == 3 and all(map(_is_number, value))  # noqa: PLR2004 - red, green, blue


def _is_one_of(*choices: str) -> tuple[Callable[[Any], bool], str]:
    return (lambda value: value in choices), " or ".join(f'"{choice}"' for choice in choices)


_RULES: dict[str, tuple[Callable[[Any], bool], str]] = {
    "name": (lambda value: _is_line(value) and 0 < len(value) <= 100, "a name on one line"),  # noqa: PLR2004 - fits every list
    "labels": (_are_labels, "a list of names, a line each, not all of them empty"),
    "size": (
        lambda value: type(value) is int and value in SIZES,
        f"a whole number of pixels from {SIZES[0]} to {SIZES[-1]}",
    ),
    "mean": (_are_colours, "three numbers: red, green, blue"),
    "std": (
        lambda value: _are_colours(value) and min(value) > 0,
        "three numbers above 0: red, green, blue",
    ),
    "scores": _is_one_of("softmax", "sigmoid", "probabilities"),
    "threshold": (lambda value: _is_number(value) and 0 <= value < 1, "a number from 0 to below 1"),
    "layout": _is_one_of("nchw", "nhwc"),
    "colours": _is_one_of("rgb", "bgr"),
    "crop": (lambda value: _is_number(value) and 0.1 <= value <= 1, "a number from 0.1 to 1"),  # noqa: PLR2004 - more would be a keyhole
}
