"""From a model's 1000 classes to names people say.

ImageNet's classes are often too fine (120 breeds of dog) or too unsure by themselves: their
probabilities are summed over WordNet's hierarchy, and what is shown is the everyday names above
them. A breed or a variety is named only when nearly sure.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from importlib import resources
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    Ranked = list[tuple[str, float]]

REVISION = "1"
"""Changes with the names, so that what was stored under other names is not mixed in."""
_SURE_OF_A_VARIETY = 0.9
_FAINTEST = 0.02
_MOST_NAMES = 20


@dataclass(frozen=True, slots=True)
class ClassName:
    """What one class of the model is called: itself, and the everyday names above it."""

    own: str
    fine: bool
    above: tuple[str, ...]


def read_names() -> tuple[ClassName, ...]:
    """Return the model's classes in their order."""
    text = resources.files("bot.taggers").joinpath("data", "names.tsv").read_text("utf-8")
    return tuple(_parse(line) for line in text.splitlines())


def roll_up(probabilities: Sequence[float], classes: Sequence[ClassName]) -> Ranked:
    """Return names with their summed probabilities 0-1, best first, nearer names first of equals.

    A class too fine for people counts towards the names above it and is itself shown only when
    nearly sure.
    """
    sums: defaultdict[str, float] = defaultdict(float)
    depth: dict[str, int] = {}
    for probability, named in zip(probabilities, classes, strict=True):
        own = not named.fine or not named.above or probability >= _SURE_OF_A_VARIETY
        names = (named.own, *named.above) if own else named.above
        for level, name in enumerate(names):
            sums[name] += probability
            depth[name] = max(level, depth.get(name, 0))
    kept = [(name, min(score, 1.0)) for name, score in sums.items() if score >= _FAINTEST]
    return sorted(kept, key=lambda pair: (-round(pair[1], 2), depth[pair[0]]))[:_MOST_NAMES]


def _parse(line: str) -> ClassName:
    own, kind, above = line.split("\t")
    return ClassName(own, kind == "fine", tuple(above.split("|")) if above else ())
