"""Animated WebP, AVIF and PNG pictures, decoded by Pillow. Import this only in a sandboxed child.

FFmpeg can't read all of them. They are treated as clips without sound; a still picture is none.
"""

from __future__ import annotations

import warnings
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from PIL import AvifImagePlugin, Image, PngImagePlugin, WebPImagePlugin

from bot.domain.clip import ClipFormat
from bot.errors import Damaged, TooLargePicture, TooLong
from bot.media.decode.decode_plan import middle
from bot.media.decode.source import SampledFrame, sampled

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from bot.media.decode.scaling import Picture, View

# Naming the plugins here loads their machine code before the child is confined.
_PILLOW_FORMATS = {
    ClipFormat.WEBP: WebPImagePlugin.WebPImageFile.format,
    ClipFormat.AVIF: AvifImagePlugin.AvifImageFile.format,
    ClipFormat.APNG: PngImagePlugin.PngImageFile.format,
}
ANIMATIONS = frozenset(_PILLOW_FORMATS)
MAX_PIXELS = 3840 * 2160  # Pillow keeps several decoded pictures of four bytes a pixel
# Browsers show pictures with shorter delays for 100 ms.
_MIN_DELAY, _DEFAULT_DELAY = 20, 100
# What Pillow raises about damaged files.
_DAMAGED = (OSError, SyntaxError, ValueError, EOFError, IndexError, KeyError, TypeError)


@dataclass(frozen=True, slots=True)
class Animation:
    """How many pictures an animation has, how many milliseconds they take, and their size."""

    pictures: int
    duration: int
    width: int
    height: int


def measure(path: Path, clip_format: ClipFormat, *, longest: int, most: int) -> Animation:
    """Decode an animation of at most ``longest`` milliseconds and ``most`` pictures.

    Raises ``TooLong``, ``TooLargePicture`` and ``Damaged``.
    """
    count = duration = 0
    with _opened(path, clip_format) as image:
        for delay, _ in _pictures(image):
            count, duration = count + 1, duration + delay
            if duration > longest:
                raise TooLong.of(duration, longest, at_least=True)
            if count > most:
                raise TooLargePicture(reason="pictures", detail=f"over {most} pictures")
        return Animation(count, duration, image.width, image.height)


def sample_animation(
    path: Path, clip_format: ClipFormat, seconds: Sequence[int], views: Sequence[View]
) -> Iterator[SampledFrame]:
    """Yield the picture in the middle of each of these seconds, as ``sampling.sample`` does."""
    due = list(reversed(seconds))
    with _opened(path, clip_format) as image:
        time = 0
        for delay, picture in _pictures(image):
            shown: tuple[Picture, ...] | None = None
            while due and middle(due[-1]) < time + delay:
                shown = shown or _scaled(picture, views)
                yield sampled(due.pop(), time, shown)
            time += delay
        with suppress(*_DAMAGED):
            while due:  # a short last second may end before its middle
                yield sampled(due.pop(), max(0, time - delay), _scaled(picture, views))


@contextmanager
def _opened(path: Path, clip_format: ClipFormat) -> Iterator[Image.Image]:
    """Open a file as this format and nothing else."""
    try:
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # we check it ourselves
        with Image.open(path, formats=(_PILLOW_FORMATS[clip_format],)) as image:
            if image.width * image.height > MAX_PIXELS:
                raise TooLargePicture(detail=f"{image.width}x{image.height} pixels")
            yield image
    except Image.DecompressionBombError as error:
        raise TooLargePicture(detail=str(error)) from error
    except _DAMAGED as error:
        raise Damaged(detail=f"Pillow: {error!r}") from error


def _pictures(image: Image.Image) -> Iterator[tuple[int, Image.Image]]:
    """Yield each picture with its delay in milliseconds, as far as they can be decoded."""
    number = 0
    while True:
        try:
            image.seek(number)
            image.load()
        except EOFError:
            return
        except _DAMAGED:
            if number:
                return
            raise
        delay = round(float(image.info.get("duration") or 0))
        yield delay if delay >= _MIN_DELAY else _DEFAULT_DELAY, image
        number += 1


def _scaled(picture: Image.Image, views: Sequence[View]) -> tuple[Picture, ...]:
    coloured = picture if picture.mode in {"RGB", "RGBA"} else picture.convert("RGBA")
    return tuple(_opaque(coloured, view) for view in views)


def _opaque(picture: Image.Image, view: View) -> Picture:
    """Scale a picture and put it on white."""
    size = view.size(*picture.size)
    small = picture.resize(size, Image.Resampling.BOX).convert("RGBA")
    on_white = Image.alpha_composite(Image.new("RGBA", size, "white"), small)
    return np.asarray(on_white.convert("L" if view.grey else "RGB"))
