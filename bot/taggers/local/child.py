"""Tagging a clip with the local models. Import this only in a sandboxed child."""

from __future__ import annotations

import base64
from functools import lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bot.domain.clip import ClipFormat
from bot.domain.concepts import Frame
from bot.domain.model_card import ModelFolder
from bot.domain.tagging import Thumbnail
from bot.media.decode import thumbnails
from bot.media.decode.picture_hashing import PictureHasher
from bot.media.decode.sampling import sample
from bot.taggers.local.clip_senses import ClipSenses, encode_frame, load_bundled
from bot.taggers.local.identity import check_unchanged, identify
from bot.taggers.local.kinds import settle
from bot.taggers.local.looks import distinct_looks
from bot.taggers.local.pipeline import map_batches
from bot.taggers.local.recognizer import load_recognizer
from bot.taggers.local.smoothing import smooth
from bot.taggers.thumbnail_selection import ThumbnailSelector

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from bot.domain.concepts import Concept
    from bot.media.decode.scaling import View
    from bot.media.decode.source import SampledFrame
    from bot.taggers.local.kinds import Recognized
    from bot.taggers.local.label_mapping import Numbers
    from bot.taggers.local.looks import Look, Moment
    from bot.taggers.local.recognizer import Recognizer


def tag(request: dict[str, Any], report: Callable[[Any], None]) -> dict[str, Any]:
    """Tag the clip in ``files``; report the number of frames done after each batch.

    Returns ``frames`` as ``{"time": milliseconds, "concepts": [[name, score], …]}``, ``thumbnails``
    as ``[second, JPEG in base64]``, the ``kind`` of clip if it is clear, the perceptual ``hash`` in
    hex, and what ``observe`` returns.
    """
    recognizer = _load(_custom_model(request), request["revision"])
    senses = ClipSenses(request)
    candidates, hasher = ThumbnailCandidates(), PictureHasher()
    frames: list[Frame] = []
    kinds: list[Numbers | None] = []
    looks = distinct_looks(_sampled(request, [*recognizer.views, *senses.views]))
    for batch, recognized in map_batches(looks, partial(_recognize, recognizer)):
        for look, seen in zip(batch, recognized, strict=True):
            jpeg = thumbnails.jpeg(look.frame.pictures[-1])
            for moment in look.moments:
                frames.append(_frame(moment, seen.concepts))
                kinds.append(seen.kinds)
                candidates.add(moment.second, jpeg, seen.concepts)
                hasher.add(moment.second, look.frame.pictures[-1])
            senses.add(look)
            report(len(frames))
    settled, kind = settle(smooth(frames), kinds)
    return {
        "frames": [encode_frame(frame) for frame in settled],
        "kind": kind,
        "thumbnails": [_encode_thumbnail(thumbnail) for thumbnail in candidates.chosen()],
        **senses.answer(),
        "hash": hasher.hash(request["seconds"]).as_bytes().hex(),
    }


def observe(request: dict[str, Any], report: Callable[[Any], None]) -> dict[str, Any]:
    """Only use the senses beside the concepts, as ``ClipSenses`` does; report as ``tag`` does."""
    senses = ClipSenses(request)
    done = 0
    for batch, _ in map_batches(distinct_looks(_sampled(request, senses.views)), list):
        for look in batch:
            senses.add(look)
            done += len(look.moments)
            report(done)
    return senses.answer()


def prepare(request: dict[str, Any]) -> None:
    """Load the bundled models before the process of the task is forked and confined.

    The operator's own models are not loaded here: they are parsed in confinement.
    """
    if "custom" in request and not request["custom"]:
        _load(None, request["revision"])
    load_bundled(request)


def check(request: dict[str, Any], _report: Callable[[Any], None]) -> int:
    """Load the models; return how many names they know."""
    ClipSenses(request)
    return _load(_custom_model(request), request["revision"]).names


class ThumbnailCandidates:
    """Keeps a small JPEG of every second, a few kilobytes each, and chooses among them."""

    def __init__(self) -> None:
        self._thumbnails: list[Thumbnail] = []
        self._selector = ThumbnailSelector()

    def add(self, second: int, jpeg: bytes, concepts: Sequence[Concept]) -> None:
        """Add the next second's picture and the concepts recognized in it."""
        self._selector.add(concepts)
        self._thumbnails.append(Thumbnail(second, jpeg))

    def chosen(self) -> list[Thumbnail]:
        """Return those at which the concepts change most, always with the first, in order."""
        return [self._thumbnails[position] for position in self._selector.chosen()]


def _sampled(request: dict[str, Any], views: Sequence[View]) -> Iterator[SampledFrame]:
    """Decode a clip once, with a picture for each view, and one for the thumbnail."""
    return sample(
        Path(request["files"][0]),
        ClipFormat(request["format"]),
        seconds=request["seconds"],
        views=[*views, thumbnails.VIEW],
    )


def _recognize(recognizer: Recognizer, looks: Sequence[Look]) -> list[Recognized]:
    return recognizer.recognize([look.frame for look in looks])


def _custom_model(request: dict[str, Any]) -> ModelFolder | None:
    return ModelFolder.from_dict(request["custom"]) if request["custom"] else None


def _frame(moment: Moment, concepts: tuple[Concept, ...]) -> Frame:
    # The picture may have appeared before its second began; the frame belongs to its second.
    return Frame(max(moment.time, moment.second * 1000), concepts)


def _encode_thumbnail(thumbnail: Thumbnail) -> list[int | str]:
    return [thumbnail.second, base64.b64encode(thumbnail.jpeg).decode()]


@lru_cache(maxsize=1)
def _load(custom: ModelFolder | None, revision: str) -> Recognizer:
    """Load the models once."""
    if custom:
        check_unchanged(custom.path, lambda: identify(custom).revision, revision)
    return load_recognizer(custom)
