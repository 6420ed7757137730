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
from bot.errors import TaggerUnavailable
from bot.media.decode import thumbnails
from bot.media.decode.picture_hashing import PictureHasher
from bot.media.decode.sampling import sample
from bot.taggers.local.identity import identify, text_identity
from bot.taggers.local.looks import distinct_looks
from bot.taggers.local.pipeline import map_batches
from bot.taggers.local.recognizer import load_recognizer
from bot.taggers.local.smoothing import smooth
from bot.taggers.local.text_models import load_text_models
from bot.taggers.local.text_reader import ClipText
from bot.taggers.thumbnail_selection import ThumbnailSelector

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from bot.domain.concepts import Concept
    from bot.domain.text_lines import TextLine
    from bot.media.decode.source import SampledFrame
    from bot.taggers.local.looks import Look, Moment
    from bot.taggers.local.recognizer import Recognizer
    from bot.taggers.local.text_models import TextModels


def tag(request: dict[str, Any], report: Callable[[Any], None]) -> dict[str, Any]:
    """Tag the clip in ``files``; report the number of frames done after each batch.

    Returns ``frames`` as ``{"time": milliseconds, "concepts": [[name, score], …]}``, ``thumbnails``
    as ``[second, JPEG in base64]``, the perceptual ``hash`` in hex and, if ``text`` was asked for,
    ``text`` as ``read_text`` does.
    """
    recognizer = _load(_custom_model(request), request["revision"])
    text = _clip_text(request)
    candidates, hasher = ThumbnailCandidates(), PictureHasher()
    frames: list[Frame] = []
    looks = distinct_looks(_sampled(request, recognizer, text))
    for batch, recognized in map_batches(looks, partial(_recognize, recognizer)):
        for look, concepts in zip(batch, recognized, strict=True):
            jpeg = thumbnails.jpeg(look.frame.pictures[-1])
            for moment in look.moments:
                frames.append(_frame(moment, concepts))
                candidates.add(moment.second, jpeg, concepts)
                hasher.add(moment.second, look.frame.pictures[-1])
            if text:
                text.add(look.moments, look.frame.pictures[-2])
            report(len(frames))
    return {
        "frames": [_encode_frame(frame) for frame in smooth(frames)],
        "thumbnails": [_encode_thumbnail(thumbnail) for thumbnail in candidates.chosen()],
        "text": text and [_encode_line(line) for line in text.joined()],
        "hash": hasher.hash(request["seconds"]).as_bytes().hex(),
    }


def read_text(request: dict[str, Any], report: Callable[[Any], None]) -> list[list[Any]]:
    """Only read the text in the clip in ``files``; report as ``tag`` does.

    Returns ``[text, start, end, score]`` for each line, in order of time.
    """
    wanted = request["text"]
    text = ClipText(_load_text(wanted["custom"], wanted["revision"]))
    done = 0
    for batch, _ in map_batches(distinct_looks(_sampled(request, None, text)), list):
        for look in batch:
            text.add(look.moments, look.frame.pictures[-2])
            done += len(look.moments)
            report(done)
    return [_encode_line(line) for line in text.joined()]


def prepare(request: dict[str, Any]) -> None:
    """Load the bundled models before the process of the task is forked and confined.

    The operator's own models are not loaded here: they are parsed in confinement.
    """
    if "custom" in request and not request["custom"]:
        _load(None, request["revision"])
    text = request.get("text")
    if text and not text["custom"]:
        _load_text(None, text["revision"])


def check(request: dict[str, Any], _report: Callable[[Any], None]) -> int:
    """Load the models; return how many names they know."""
    _clip_text(request)
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


def _sampled(
    request: dict[str, Any], recognizer: Recognizer | None, text: ClipText | None
) -> Iterator[SampledFrame]:
    """Decode a clip once, with the pictures that each sense wants, and one for the thumbnail."""
    views = [view for sense in (recognizer, text) if sense for view in sense.views]
    return sample(
        Path(request["files"][0]),
        ClipFormat(request["format"]),
        seconds=request["seconds"],
        views=[*views, thumbnails.VIEW],
    )


def _clip_text(request: dict[str, Any]) -> ClipText | None:
    """Return what reads a clip's text, if it was asked for."""
    wanted = request.get("text")
    return ClipText(_load_text(wanted["custom"], wanted["revision"])) if wanted else None


@lru_cache(maxsize=1)
def _load_text(custom: str | None, revision: str) -> TextModels:
    """Load the networks that read text once."""
    folder = Path(custom) if custom else None
    if folder and _or_unreadable(lambda: text_identity(folder).revision) != revision:
        raise _changed(folder)
    return load_text_models(folder)


def _recognize(recognizer: Recognizer, looks: Sequence[Look]) -> list[tuple[Concept, ...]]:
    return recognizer.recognize([look.frame for look in looks])


def _custom_model(request: dict[str, Any]) -> ModelFolder | None:
    return ModelFolder.from_dict(request["custom"]) if request["custom"] else None


def _frame(moment: Moment, concepts: tuple[Concept, ...]) -> Frame:
    # The picture may have appeared before its second began; the frame belongs to its second.
    return Frame(max(moment.time, moment.second * 1000), concepts)


def _encode_frame(frame: Frame) -> dict[str, Any]:
    concepts = [[each.name, each.score] for each in frame.concepts]
    return {"time": frame.time, "concepts": concepts}


def _encode_line(line: TextLine) -> list[Any]:
    return [line.text, line.start, line.end, line.score]


def _encode_thumbnail(thumbnail: Thumbnail) -> list[int | str]:
    return [thumbnail.second, base64.b64encode(thumbnail.jpeg).decode()]


@lru_cache(maxsize=1)
def _load(custom: ModelFolder | None, revision: str) -> Recognizer:
    """Load the models once."""
    if custom and _or_unreadable(lambda: identify(custom).revision) != revision:
        raise _changed(custom.path)
    return load_recognizer(custom)


def _or_unreadable(revision: Callable[[], str]) -> str:
    """Return the revision of a folder's files."""
    try:
        return revision()
    except OSError:
        return "unreadable"


def _changed(folder: Path) -> TaggerUnavailable:
    return TaggerUnavailable(detail=f"{folder} has changed since Framehound started; restart it")
