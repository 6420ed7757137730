"""Tagging a clip with the local models. Import this only in a sandboxed child."""

from __future__ import annotations

import base64
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bot.domain.clip import ClipFormat
from bot.domain.concepts import Frame
from bot.domain.model_card import ModelFolder
from bot.domain.tagging import Thumbnail
from bot.errors import TaggerUnavailable
from bot.media.decode import thumbnails
from bot.media.decode.sampling import sample
from bot.taggers.local.identity import identify
from bot.taggers.local.pipeline import map_batches
from bot.taggers.local.recognizer import load_recognizer
from bot.taggers.local.smoothing import smooth
from bot.taggers.thumbnail_selection import ThumbnailSelector

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from bot.domain.concepts import Concept
    from bot.media.decode.scaling import Picture
    from bot.media.decode.source import SampledFrame
    from bot.taggers.local.recognizer import Recognizer


def tag(request: dict[str, Any], report: Callable[[Any], None]) -> dict[str, Any]:
    """Tag the clip in ``files``; report the number of frames done after each batch.

    Returns ``frames`` as ``{"time": milliseconds, "concepts": [[name, score], …]}`` and
    ``thumbnails`` as ``[second, JPEG in base64]``.
    """
    recognizer = _load(_custom_model(request), request["revision"])
    sampled = sample(
        Path(request["files"][0]),
        ClipFormat(request["format"]),
        seconds=request["seconds"],
        views=[*recognizer.views, thumbnails.VIEW],
    )
    candidates = ThumbnailCandidates()
    frames: list[Frame] = []
    for batch, recognized in map_batches(sampled, recognizer.recognize):
        for sampled_frame, concepts in zip(batch, recognized, strict=True):
            frames.append(_frame(sampled_frame, concepts))
            candidates.add(sampled_frame.second, sampled_frame.pictures[-1], concepts)
        report(len(frames))
    return {
        "frames": [_encode_frame(frame) for frame in smooth(frames)],
        "thumbnails": [_encode_thumbnail(thumbnail) for thumbnail in candidates.chosen()],
    }


def check(request: dict[str, Any], _report: Callable[[Any], None]) -> int:
    """Load the models; return how many names they know."""
    return _load(_custom_model(request), request["revision"]).names


class ThumbnailCandidates:
    """Keeps a small JPEG of every second, a few kilobytes each, and chooses among them."""

    def __init__(self) -> None:
        self._thumbnails: list[Thumbnail] = []
        self._selector = ThumbnailSelector()

    def add(self, second: int, picture: Picture, concepts: Sequence[Concept]) -> None:
        """Add the next second's picture and the concepts recognized in it."""
        self._selector.add(concepts)
        self._thumbnails.append(Thumbnail(second, thumbnails.jpeg(picture)))

    def chosen(self) -> list[Thumbnail]:
        """Return those at which the concepts change most, always with the first, in order."""
        return [self._thumbnails[position] for position in self._selector.chosen()]


def _custom_model(request: dict[str, Any]) -> ModelFolder | None:
    return ModelFolder.from_dict(request["custom"]) if request["custom"] else None


def _frame(sampled: SampledFrame, concepts: tuple[Concept, ...]) -> Frame:
    # The picture may have appeared before its second began; the frame belongs to its second.
    return Frame(max(sampled.time, sampled.second * 1000), concepts)


def _encode_frame(frame: Frame) -> dict[str, Any]:
    concepts = [[each.name, each.score] for each in frame.concepts]
    return {"time": frame.time, "concepts": concepts}


def _encode_thumbnail(thumbnail: Thumbnail) -> list[int | str]:
    return [thumbnail.second, base64.b64encode(thumbnail.jpeg).decode()]


@lru_cache(maxsize=1)
def _load(custom: ModelFolder | None, revision: str) -> Recognizer:
    """Load the models once per process."""
    if custom and _revision(custom) != revision:
        raise TaggerUnavailable(
            detail=f"{custom.path} has changed since Framehound started; restart it"
        )
    return load_recognizer(custom)


def _revision(custom: ModelFolder) -> str:
    try:
        return identify(custom).revision
    except OSError:
        return "unreadable"
