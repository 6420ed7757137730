"""The senses beside the concepts, while a clip is decoded once for all of them.

Import this only in a sandboxed child (it uses NumPy, onnxruntime and Pillow).
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bot.taggers.local.identity import check_unchanged, text_identity
from bot.taggers.local.nudity_finder import ClipNudity
from bot.taggers.local.nudity_models import load_nudity_models
from bot.taggers.local.text_models import load_text_models
from bot.taggers.local.text_reader import ClipText

if TYPE_CHECKING:
    from bot.domain.concepts import Frame
    from bot.domain.text_lines import TextLine
    from bot.media.decode.scaling import View
    from bot.taggers.local.looks import Look
    from bot.taggers.local.nudity_models import NudityModels
    from bot.taggers.local.text_models import TextModels


class ClipSenses:
    """What a request wants to be observed in a clip beside its concepts.

    Frames must have the pictures of ``views``, and then a thumbnail's.
    """

    def __init__(self, request: dict[str, Any]) -> None:
        text, nudity = request.get("text"), request.get("nudity")
        self._text = ClipText(_text_models(text["custom"], text["revision"])) if text else None
        self._nudity = ClipNudity(_nudity_models()) if nudity else None
        self._wanted = [each for each in (self._text, self._nudity) if each]

    @property
    def views(self) -> list[View]:
        """The picture that each sense wants."""
        return [each.view for each in self._wanted]

    def add(self, look: Look) -> None:
        """Show each sense its picture of the next frame."""
        pictures = look.frame.pictures[-1 - len(self._wanted) : -1]
        for sense, picture in zip(self._wanted, pictures, strict=True):
            sense.add(look.moments, picture)

    def answer(self) -> dict[str, Any]:
        """Return what was observed, after the last frame; None for a sense not wanted, or failed.

        ``text`` is ``[text, start, end, score]`` for each line, ``nudity`` is like ``frames``.
        """
        text = self._text.joined() if self._text else None
        nudity = self._nudity.frames() if self._nudity else None
        return {
            "text": None if text is None else [_encode_line(line) for line in text],
            "nudity": None if nudity is None else [encode_frame(frame) for frame in nudity],
        }


def load_bundled(request: dict[str, Any]) -> None:
    """Load the networks that a request needs and that come with Framehound."""
    text = request.get("text")
    if text and not text["custom"]:
        _text_models(None, text["revision"])
    if request.get("nudity"):
        _nudity_models()


def encode_frame(frame: Frame) -> dict[str, Any]:
    """Return a frame as JSON values."""
    concepts = [[each.name, each.score] for each in frame.concepts]
    return {"time": frame.time, "concepts": concepts}


def _encode_line(line: TextLine) -> list[Any]:
    return [line.text, line.start, line.end, line.score]


@lru_cache(maxsize=1)
def _text_models(custom: str | None, revision: str) -> TextModels:
    """Load the networks that read text once."""
    folder = Path(custom) if custom else None
    if folder:
        check_unchanged(folder, lambda: text_identity(folder).revision, revision)
    return load_text_models(folder)


@lru_cache(maxsize=1)
def _nudity_models() -> NudityModels:
    """Load the networks that recognize nudity once."""
    return load_nudity_models()
