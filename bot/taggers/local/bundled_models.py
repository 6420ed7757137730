"""What a classifier of single things misses: people first, and several things in one picture.

NanoDet-g finds COCO's 80 kinds of objects; ``scripts/make_detector.py`` says where the file comes
from and what it takes and gives. Where an object is does not matter here: a kind's score is its
highest anywhere in the picture.

Imports NumPy: for code that runs in a child process alone.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from bot.media.decode.scaling import View

if TYPE_CHECKING:
    from collections.abc import Sequence

    import onnxruntime

    from bot.media.decode.scaling import Picture
    from bot.taggers.local.label_mapping import Numbers

MODEL = Path(__file__).parent / "data" / "nanodet.onnx"
VIEW = View(320, whole=True)
STEP = 32  # the network halves a picture five times


def detect(session: onnxruntime.InferenceSession, pictures: Sequence[Picture]) -> Numbers:
    """Return the kinds' scores of pictures of one size, float32 (n, 80)."""
    (scores,) = session.run(None, {"pictures": np.stack([_letterboxed(p) for p in pictures])})
    return np.asarray(scores, np.float32)


def _letterboxed(picture: Picture) -> Picture:
    """Lay a picture in the middle of a black one whose sides the network can halve."""
    spare = [-side % STEP for side in picture.shape[:2]]
    around = [(each // 2, each - each // 2) for each in spare]
    return np.pad(picture, [*around, (0, 0)])
