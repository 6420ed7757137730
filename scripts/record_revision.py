"""Records what the local tagger sees in clips of tests/clips, for its current revision.

Run it after raising ``REVISION`` in bot/taggers/local/identity.py:

    uv run python -m scripts.record_revision

tests/taggers/local/test_revision.py compares every later version of the code with the recording.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from bot.domain.concepts import Frame
from bot.taggers.local import child
from bot.taggers.local.identity import REVISION
from bot.taggers.local.label_mapping import load_label_mapping
from bot.taggers.local.smoothing import smooth

TESTS = Path(__file__).parent.parent / "tests"
RECORDING = TESTS / "taggers" / "local" / "revision.json"
# H.264, VP9, and Theora, of which every picture is decoded. Rounding hardly changes their scores.
CLIPS = {"montage.mp4": 16, "montage.webm": 16, "montage.ogg": 16, "city.mp4": 8}
_MIN_SCORE = 0.2  # lower scores are not recorded


def observe(clip: str, seconds: int) -> list[dict[str, Any]]:
    """Return the time and the scores by concept of each frame that the local tagger gives."""
    path = TESTS / "clips" / clip
    request = {"files": [str(path)], "format": path.suffix[1:], "seconds": seconds}
    answer = child.tag({**request, "custom": None, "revision": REVISION}, lambda _done: None)
    return [
        {"time": frame["time"], "scores": {n: s for n, s in frame["concepts"] if s >= _MIN_SCORE}}
        for frame in answer["frames"]
    ]


def observe_made_up() -> list[dict[str, float]]:
    """Return the scores by concept for made-up outputs of the two models, frame by frame.

    They are less certain than those for the clips, so even small changes of the computation show.
    """
    random = np.random.default_rng(1)
    mapping = load_label_mapping()
    frames, classes, kinds = [], np.zeros(1000), np.zeros(80)
    for second in range(12):
        classes = (classes + random.random(1000) ** 300) / 2
        kinds = (kinds + random.random(80) ** 3) / 2
        concepts = mapping.concepts(classes / classes.sum(), kinds)
        frames.append(Frame(second * 1000, concepts))
    return [{each.name: each.score for each in frame.concepts} for frame in smooth(frames)]


def main() -> None:
    """Write the recording."""
    clips = {clip: observe(clip, seconds) for clip, seconds in CLIPS.items()}
    recording = {"revision": REVISION, "clips": clips, "made up": observe_made_up()}
    RECORDING.write_text(json.dumps(recording, indent=1) + "\n")


if __name__ == "__main__":
    main()
