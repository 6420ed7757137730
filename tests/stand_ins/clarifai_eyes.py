"""Reads the clips that the loopback Clarifai gets: their formats, and the numbers they show."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bot.media.decode.formats import detect
from tests.media.numbered_clips import length_of, numbers_shown
from tests.stand_ins import clarifai_replies as replies
from tests.stand_ins.clarifai_replies import FrameTime

if TYPE_CHECKING:
    from collections.abc import Callable, Container

    from bot.domain.clip import ClipFormat

_WINDOW = 1000  # milliseconds


def reading(
    style: FrameTime = FrameTime.MIDDLE, *, formats: Container[ClipFormat]
) -> Callable[[bytes], replies.Reply]:
    """Return a function that reads numbered clips in these formats, for ``LoopbackClarifai.eyes``.

    Its frames have times in the given style. There is one more frame than the clip has windows, as
    Clarifai is known to send.
    """

    def look(content: bytes) -> replies.Reply:
        if detect(content[:4096]) not in formats:
            return replies.output_failure(30101)
        windows = range(length_of(content) // _WINDOW + 1)
        offset = _WINDOW // 2 if style is FrameTime.MIDDLE else 0
        numbers = numbers_shown(content, [window * _WINDOW + offset for window in windows])
        seen = {window: {f"number {numbers[window]}": 0.99} for window in windows}
        return replies.frames(seen, style)

    return look
