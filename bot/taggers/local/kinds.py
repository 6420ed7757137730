"""What kind of clip it is: filmed, a video game, a cartoon, a screen or a meme.

A linear classifier (``scripts/kinds``) judges each frame by the features that the image
classifier computes anyway, and by statistics of its pixels. Most clips are of one kind throughout,
so a frame is judged together with those around it.

The kind tells how far the other models can be trusted: they were trained on photographs, and what
they see in a game or a drawing is only believed if they are nearly certain.

Import this only in a sandboxed child (it uses NumPy).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from bot.domain.concepts import Concept
from bot.domain.kind import TAGGED_KINDS, Kind
from bot.taggers.local.image_stats import picture_statistics
from bot.taggers.local.labels import MAX_CONCEPTS, MIN_SCORE

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bot.domain.concepts import Frame
    from bot.media.decode.scaling import Picture
    from bot.taggers.local.label_mapping import Numbers

HEAD = Path(__file__).parent / "data" / "kinds.npz"
KINDS = tuple(Kind)  # the order of the head's outputs
# Frames ``_REACH`` seconds away count a third as much as a neighbour; all of them together count
# ``_CONTEXT`` times as much as the frame itself.
_REACH, _CONTEXT = 20.0, 2.5
_MIN_PROBABILITY = 1e-6
# Other concepts need this score in what was not filmed, and those that are printed in a meme: its
# captions make the models see them.
_MIN_SCORE_IF_DOUBTFUL = 0.97
_PRINTED = frozenset({"book", "comic book", "menu", "scoreboard", "sign", "stationery", "web page"})
_MIN_KIND = 0.5  # the mean probability that a clip's kind needs


@dataclass(frozen=True, slots=True)
class Recognized:
    """What one frame shows: its concepts, best first, and the probabilities of ``KINDS``.

    There are none of a picture of a single colour, nor from an operator's model.
    """

    concepts: tuple[Concept, ...]
    kinds: Numbers | None = None


@dataclass(frozen=True, slots=True)
class KindHead:
    """A linear classifier: ``weights`` (inputs, kinds) and ``bias`` (kinds)."""

    weights: Numbers
    bias: Numbers

    def probabilities(self, inputs: Numbers) -> Numbers:
        """Return each frame's probabilities (n, kinds) for inputs of shape (n, inputs)."""
        return softmax(inputs @ self.weights + self.bias)


def load_kind_head() -> KindHead:
    """Read the weights that come with Framehound."""
    with np.load(HEAD, allow_pickle=False) as file:
        return KindHead(file["weights"].astype(np.float32), file["bias"])


def inputs_of(features: Numbers, center: Picture, whole: Picture) -> Numbers:
    """Return what the head judges a frame by.

    ``features`` are the image classifier's of the ``center``.
    """
    aspect_ratio = whole.shape[1] / whole.shape[0]
    statistics = [*picture_statistics(center), *picture_statistics(whole), aspect_ratio]
    return np.concatenate([features, np.array(statistics, np.float32)])


def softmax(log_odds: Numbers) -> Numbers:
    """Return probabilities that sum up to 1 in each row."""
    powers = np.exp(log_odds - log_odds.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))


def in_context(probabilities: Numbers, seconds: Sequence[int]) -> Numbers:
    """Judge each frame together with those around it; one row for each of the ``seconds``.

    The frames' log-probabilities are added up as if each were another witness.
    """
    logs = np.log(np.maximum(probabilities, _MIN_PROBABILITY))
    times = np.asarray(seconds, np.float32)
    weights = np.exp(-np.abs(times[:, None] - times[None]) / _REACH)
    around = weights @ logs / weights.sum(axis=1, keepdims=True)
    return softmax(logs + _CONTEXT * around)


def kind_of(probabilities: Numbers) -> Kind | None:
    """Return the kind of a clip from its frames' probabilities; None if there is no clear one."""
    mean = probabilities.mean(axis=0)
    return KINDS[int(mean.argmax())] if mean.max() >= _MIN_KIND else None


def with_kind(frame: Frame, probabilities: Numbers) -> Frame:
    """Return a frame with its kind among its concepts, without those that are hardly credible."""
    of_kind = dict(zip(KINDS, (round(float(number), 4) for number in probabilities), strict=True))
    scores = {each.name: each.score for each in frame.concepts if _is_credible(each, of_kind)}
    for kind in TAGGED_KINDS:
        if of_kind[kind] >= MIN_SCORE:
            scores[kind.value] = max(of_kind[kind], scores.get(kind.value, 0.0))
    ranked = sorted(scores.items(), key=lambda each: -each[1])[:MAX_CONCEPTS]
    return replace(frame, concepts=tuple(Concept(name, score) for name, score in ranked))


def _is_credible(concept: Concept, of_kind: Mapping[Kind, float]) -> bool:
    """Return whether a concept may be what a frame of some kind shows."""
    filmed = of_kind[Kind.PHOTO] + of_kind[Kind.MEME]
    if filmed < _MIN_KIND or (of_kind[Kind.MEME] >= _MIN_KIND and concept.name in _PRINTED):
        return concept.score >= _MIN_SCORE_IF_DOUBTFUL
    return True


def settle(
    frames: Sequence[Frame], kinds: Sequence[Numbers | None]
) -> tuple[tuple[Frame, ...], Kind | None]:
    """Return a clip's frames with their kinds among the concepts, and the kind of the clip."""
    judged = [place for place, of_kind in enumerate(kinds) if of_kind is not None]
    if not judged:
        return tuple(frames), None
    alone = np.stack([of_kind for of_kind in kinds if of_kind is not None])
    settled = in_context(alone, [frames[place].second for place in judged])
    by_place = dict(zip(judged, settled, strict=True))
    return tuple(
        with_kind(frame, by_place[place]) if place in by_place else frame
        for place, frame in enumerate(frames)
    ), kind_of(settled)
