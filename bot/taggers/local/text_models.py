"""The two networks that read text: one finds lines in a picture, the other reads a line.

They are PP-OCRv6 tiny (``scripts/make_text_reader.py``). They get grey pictures: that makes no
difference to what is read in the benchmark, and takes a third of the memory. Whoever runs the bot
may bring another recognizer for other scripts (``TEXT_MODEL``); the detector finds any script.

Import this only in a sandboxed child (it uses NumPy, onnxruntime and Pillow).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from bot.domain.text_model import MODEL_FILE, read_characters
from bot.errors import TaggerUnavailable
from bot.taggers.local.bundled_models import open_session
from bot.taggers.local.text_boxes import find_boxes

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import onnxruntime
    from numpy.typing import NDArray

    from bot.media.decode.scaling import Picture
    from bot.taggers.local.text_boxes import TextBox

_DATA = Path(__file__).parent / "data"
DETECTOR, RECOGNIZER = _DATA / "text-detector.onnx", _DATA / "text-recognizer.onnx"
CHARACTERS = _DATA / "text-characters.txt"
DETECTOR_MULTIPLE = 32  # both sides of its input
# The mean and the deviation of blue, green and red that the networks were trained with.
_IMAGENET = ((0.406, 0.225), (0.456, 0.224), (0.485, 0.229))
_MIDDLE = ((0.5, 0.5),) * 3
LINE_HEIGHT = 48
_WIDTH_STEP = 16  # fewer different widths let onnxruntime reuse more memory
_MIN_LINE_WIDTH, MAX_LINE_WIDTH = 32, 960
# In the benchmark's tuning part, 20 of 24 lost spaces come back, and 1 is made up in 2861 places.
_MIN_SPACE = 0.02
_AFTER_A_WORD = ",:;!?"
_FIRST_IDEOGRAPH = "\u2e80"  # scripts from here on have no spaces, or are not read
_NOTHING = 0  # the recognizer's first output: no new character here


@dataclass(frozen=True, slots=True)
class Reading:
    """What a line says, and the mean probability of its characters."""

    text: str
    score: float


@dataclass(frozen=True, slots=True)
class TextModels:
    """The loaded networks; ``characters`` are the recognizer's outputs after the first."""

    detector: onnxruntime.InferenceSession
    recognizer: onnxruntime.InferenceSession
    characters: Sequence[str]

    def find(self, picture: Picture) -> list[TextBox]:
        """Return the lines in a grey picture whose sides are multiples of 32; largest first."""
        tensor = _tensor(picture, _IMAGENET)
        (found,) = self.detector.run(None, {_input(self.detector): tensor})
        return find_boxes(np.asarray(found[0, 0], np.float32))

    def read(self, line: Picture) -> Reading:
        """Read a line that was cut out with ``cut_out``."""
        tensor = _tensor(line, _MIDDLE)
        (output,) = self.recognizer.run(None, {_input(self.recognizer): tensor})
        return self._decoded(np.asarray(output[0]))

    def _decoded(self, probabilities: NDArray[np.float32]) -> Reading:
        """Take the likeliest output at each step; a character lasts several steps (CTC)."""
        likeliest = probabilities.argmax(axis=1)
        begins = np.diff(likeliest, prepend=_NOTHING) != 0
        kept = np.flatnonzero(begins & (likeliest != _NOTHING))
        if not len(kept):
            return Reading("", 0.0)
        text = [self.characters[number - 1] for number in likeliest[kept]]
        score = min(1.0, float(probabilities[kept, likeliest[kept]].mean()))
        return Reading("".join(self._with_spaces(text, kept, probabilities)), score)

    def _with_spaces(
        self, text: Sequence[str], steps: NDArray[np.intp], probabilities: NDArray[np.float32]
    ) -> Iterator[str]:
        """Yield the characters read at some steps, and the narrow spaces between them.

        At a narrow space the network prefers to read nothing, but is less sure than inside a word.
        """
        spaces = probabilities[:, len(self.characters)]
        for place, (character, step) in enumerate(zip(text, steps, strict=True)):
            before, between = text[place - 1], spaces[steps[place - 1] + 1 : step]
            if place and _may_part(before, character) and between.max(initial=0) > _MIN_SPACE:
                yield " "
            yield character


def _may_part(one: str, other: str) -> bool:
    """Return whether a word may end with one character, and the next begin with the other."""
    ends = one.isalnum() or one in _AFTER_A_WORD
    return ends and other.isalnum() and max(one, other) < _FIRST_IDEOGRAPH


def line_width(box: TextBox) -> int:
    """Return the width of a box's line once it is scaled to the recognizer's height."""
    width = LINE_HEIGHT * box.width / max(1.0, box.height)
    return int(min(MAX_LINE_WIDTH, max(_MIN_LINE_WIDTH, round(width / _WIDTH_STEP) * _WIDTH_STEP)))


def cut_out(picture: Image.Image, box: TextBox) -> Picture:
    """Return a line of a picture, upright and scaled to the recognizer's height."""
    size = line_width(box), LINE_HEIGHT
    cut = picture.transform(
        size, Image.Transform.QUAD, box.corners, resample=Image.Resampling.BILINEAR
    )
    return np.asarray(cut)


def load_text_models(custom: Path | None) -> TextModels:
    """Load the detector, and the recognizer that comes with Framehound or the one in a folder.

    Raises ``TaggerUnavailable`` if the operator's can't be used.
    """
    detector = open_session(DETECTOR)
    if custom is None:
        characters = CHARACTERS.read_text("utf-8").splitlines()
        return TextModels(detector, open_session(RECOGNIZER), [*characters, " "])
    try:
        recognizer = open_session(custom / MODEL_FILE)
        models = TextModels(detector, recognizer, read_characters(custom))
        _check_recognizer(models)
    except TaggerUnavailable:
        raise
    except Exception as error:  # whatever onnxruntime raises about a file that isn't ours
        raise TaggerUnavailable(detail=f"TEXT_MODEL: {error}") from error
    return models


def _check_recognizer(models: TextModels) -> None:
    blank = np.zeros((1, 3, LINE_HEIGHT, 320), np.float32)
    output = np.asarray(models.recognizer.run(None, {_input(models.recognizer): blank})[0])
    if output.ndim != blank.ndim - 1 or output.shape[2] != len(models.characters) + 1:
        raise TaggerUnavailable(
            detail=f"the recognizer of TEXT_MODEL gives {output.shape}, "
            f"but its list has {len(models.characters)} characters"
        )


def _input(session: onnxruntime.InferenceSession) -> str:
    name: str = session.get_inputs()[0].name
    return name


def _tensor(picture: Picture, statistics: Sequence[tuple[float, float]]) -> NDArray[np.float32]:
    """Return a grey picture as a batch of one in BGR, each channel normalized."""
    tensor = np.empty((1, 3, *picture.shape), np.float32)
    for number, (mean, deviation) in enumerate(statistics):
        channel = tensor[0, number]
        np.multiply(picture, np.float32(1 / (255 * deviation)), out=channel)
        channel -= mean / deviation
    return tensor
