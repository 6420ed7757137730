"""Tagging a clip with the local model; runs in a sandboxed child alone."""

from __future__ import annotations

import base64
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bot.domain.clip import ClipFormat
from bot.domain.concepts import Frame
from bot.errors import ConfigError, TaggerUnavailable
from bot.media.decode.sampling import sample
from bot.taggers.local import thumbnails
from bot.taggers.local.identity import identify
from bot.taggers.local.pipeline import in_batches
from bot.taggers.local.recognizer import load_recognizer
from bot.taggers.local.smoothing import join

if TYPE_CHECKING:
    from collections.abc import Callable

    from bot.domain.concepts import Concept
    from bot.media.decode.sampling import SampledFrame
    from bot.taggers.local.recognizer import Recognizer


def tag(request: dict[str, Any], report: Callable[[Any], None]) -> dict[str, Any]:
    """Tag the clip at ``path``; report how many frames are done after each batch.

    Returns ``frames`` as ``{"time": milliseconds, "concepts": [[name, score], …]}`` and ``stills``
    as ``[second, JPEG in base64]``.
    """
    recognizer = _load(request["models"], request["own"], request["revision"])
    sampled = sample(
        Path(request["path"]),
        ClipFormat(request["format"]),
        seconds=request["seconds"],
        views=[*recognizer.views, thumbnails.VIEW],
    )
    strip = thumbnails.ThumbnailStrip()
    frames: list[Frame] = []
    for batch, found in in_batches(sampled, recognizer.recognize):
        for frame, concepts in zip(batch, found, strict=True):
            frames.append(_seen(frame, concepts))
            strip.add(frame.second, frame.pictures[-1], concepts)
        report(len(frames))
    pictures = [[each.second, base64.b64encode(each.jpeg).decode()] for each in strip.chosen()]
    return {"frames": [_told(frame) for frame in join(frames)], "thumbnails": pictures}


def check(request: dict[str, Any], _report: Callable[[Any], None]) -> int:
    """Build and load the model; return how many names it knows."""
    return _load(request["models"], request["own"], request["revision"]).names


def _seen(frame: SampledFrame, concepts: tuple[Concept, ...]) -> Frame:
    # A second's picture may have gone on screen before it; it is told at its own second.
    return Frame(max(frame.time, frame.second * 1000), concepts)


def _told(frame: Frame) -> dict[str, Any]:
    concepts = [[each.name, each.score] for each in frame.concepts]
    return {"time": frame.time, "concepts": concepts}


@lru_cache(maxsize=1)
def _load(models: str, own: str | None, revision: str) -> Recognizer:
    if own and _revision(Path(own)) != revision:
        raise TaggerUnavailable(detail=f"{own} has changed since the start: start again")
    return load_recognizer(Path(models), Path(own) if own else None)


def _revision(own: Path) -> str:
    try:
        return identify(own).revision
    except (ConfigError, OSError):
        return "not a model any more"
