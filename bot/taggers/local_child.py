"""Tagging a clip with the local model; runs in a sandboxed child alone."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import onnxruntime

from bot.domain.clip import ClipFormat
from bot.media.pictures import View
from bot.media.sample import sample
from bot.taggers import local_stills
from bot.taggers.everyday import Everyday, load_everyday
from bot.taggers.local_model import SIDE, ensure_model
from bot.taggers.local_pipeline import in_batches

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy.typing as npt

    from bot.domain.concepts import Concept
    from bot.media.pictures import Picture
    from bot.media.sample import SampledFrame

# A frame of one colour, or nearly (a fade, a blank slide), shows nothing to name.
_FLATTEST = 6.0


def tag(request: dict[str, Any], report: Callable[[Any], None]) -> dict[str, Any]:
    """Tag the clip at ``path``; report how many frames are done after each batch.

    Returns ``frames`` as ``{"time": milliseconds, "concepts": [[name, score], …]}`` and ``stills``
    as ``[second, JPEG in base64]``.
    """
    recogniser = _load(request["models"])
    sampled = sample(
        Path(request["path"]),
        ClipFormat(request["format"]),
        seconds=request["seconds"],
        views=[*recogniser.views, local_stills.VIEW],
    )
    strip = local_stills.Strip()
    frames: list[dict[str, Any]] = []
    for batch, found in in_batches(sampled, recogniser.recognise):
        for frame, concepts in zip(batch, found, strict=True):
            frames.append(_told(frame, concepts))
            strip.add(frame.second, frame.pictures[-1], concepts)
        report(len(frames))
    stills = [[each.second, base64.b64encode(each.jpeg).decode()] for each in strip.chosen()]
    return {"frames": frames, "stills": stills}


def check(request: dict[str, Any], _report: Callable[[Any], None]) -> int:
    """Build and load the model; return how many names it knows."""
    return len(_load(request["models"]).everyday.names)


def _told(frame: SampledFrame, concepts: Sequence[Concept]) -> dict[str, Any]:
    # A second's picture may have gone on screen before it; it is told at its own second.
    time = max(frame.time, frame.second * 1000)
    return {"time": time, "concepts": [[each.name, each.score] for each in concepts]}


@dataclass(frozen=True, slots=True)
class _Recogniser:
    """Names what pictures show; may be asked by several threads at once.

    ``views`` are the pictures it wants of each frame.
    """

    session: onnxruntime.InferenceSession
    everyday: Everyday
    views: tuple[View, ...] = (View(SIDE + 32),)  # trained on the middle s/(s+32) of a picture

    def recognise(self, batch: Sequence[SampledFrame]) -> list[tuple[Concept, ...]]:
        """Return the concepts of each frame."""
        pictures = [frame.pictures[0] for frame in batch]
        middles = np.stack([_middle(picture) for picture in pictures])
        (probabilities,) = self.session.run(None, {"pictures": middles})
        return [
            () if float(picture.std()) < _FLATTEST else tuple(self.everyday.concepts(row))
            for picture, row in zip(pictures, probabilities, strict=True)
        ]


@lru_cache(maxsize=1)
def _load(models: str) -> _Recogniser:
    onnxruntime.disable_telemetry_events()
    options = onnxruntime.SessionOptions()
    # Whole batches are looked at side by side: the same work with less waiting for each other.
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(
        str(ensure_model(Path(models))), options, providers=["CPUExecutionProvider"]
    )
    return _Recogniser(session, load_everyday())


def _middle(picture: Picture) -> npt.NDArray[np.uint8]:
    """Cut out the middle of a picture, (224, 224, 3)."""
    height, width, _ = picture.shape
    top, left = (height - SIDE) // 2, (width - SIDE) // 2
    return picture[top : top + SIDE, left : left + SIDE]
