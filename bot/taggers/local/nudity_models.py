"""The two networks that recognize nudity; each was trained by other people on other pictures.

They are NSFWJS' MobileNetV2 and Yahoo's open_nsfw (``scripts/make_nudity_models.py``). The score is
the geometric mean of what both say, so it is only high if they agree. The second takes longer, so
it is only asked about pictures in which the first suspects something.

Import this only in a sandboxed child (it uses NumPy, onnxruntime and Pillow).
"""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from bot.domain.concepts import Concept
from bot.domain.nudity import NUDITY, SUGGESTIVE
from bot.taggers.local.bundled_models import open_session
from bot.taggers.local.image_stats import center_crop

if TYPE_CHECKING:
    import onnxruntime

    from bot.media.decode.scaling import Picture
    from bot.taggers.local.label_mapping import Numbers

_DATA = Path(__file__).parent / "data"
FIRST, SECOND = _DATA / "nudity-first.onnx", _DATA / "nudity-second.onnx"
SIDE = 224
# The first one's scores are of drawings, drawn pornography, neutral pictures, photographed
# pornography, and pictures that are sexy, but not pornographic.
_HENTAI, _PORN, _SEXY = 1, 3, 4
_INDECENT = 1
# With less than this, the mean can't be above 0.22, whatever the second one says.
_MIN_SUSPICION = 0.05
# Pictures that the second one scores at less than 0.2 are harmless, says its documentation, and
# those above 0.8 are not; between them are the suggestive ones.
_SUGGESTIVE = 0.5
MIN_SCORE = 0.1


@dataclass(frozen=True, slots=True)
class NudityModels:
    """The loaded networks."""

    first: onnxruntime.InferenceSession
    second: onnxruntime.InferenceSession

    def recognize(self, picture: Picture) -> tuple[Concept, ...]:
        """Return what is seen in a picture of 256 x 256 pixels, best first; often nothing."""
        small = Image.fromarray(picture).resize((SIDE, SIDE), Image.Resampling.BILINEAR)
        scores = _scores(self.first, np.asarray(small))
        explicit, sexy = float(scores[_HENTAI] + scores[_PORN]), float(scores[_SEXY])
        if explicit + sexy < _MIN_SUSPICION:
            return ()
        indecent = float(_scores(self.second, center_crop(picture, SIDE))[_INDECENT])
        found = (
            Concept(NUDITY, _mean(explicit, indecent)),
            Concept(SUGGESTIVE, _mean(sexy, indecent / _SUGGESTIVE)),
        )
        seen = (each for each in found if each.score >= MIN_SCORE)
        return tuple(sorted(seen, key=lambda each: -each.score))


def load_nudity_models() -> NudityModels:
    """Load both networks."""
    return NudityModels(open_session(FIRST), open_session(SECOND))


def _scores(network: onnxruntime.InferenceSession, picture: Picture) -> Numbers:
    (scores,) = network.run(None, {"pictures": picture[None]})
    return np.asarray(scores[0], np.float32)


def _mean(one: float, other: float) -> float:
    return round(sqrt(min(1.0, one) * min(1.0, other)), 4)
