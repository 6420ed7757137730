"""Measures how often ordinary photographs are taken for nudity, and what looking for it costs.

    uv run --group bench python benchmarks/nudity.py FOLDER [PICTURE…]

FOLDER is where the photographs of ``benchmarks/photographs.tsv`` are kept, which are downloaded
once. More pictures that show no nudity may be given. How much nudity is found can't be measured
like this: there are no such pictures here.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import quality_photographs
from PIL import Image

from bot.taggers.local import child
from bot.taggers.local.identity import REVISION
from bot.taggers.local.nudity_finder import NUDITY_VIEW, may_show_skin
from bot.taggers.local.nudity_models import load_nudity_models

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from bot.taggers.local.nudity_models import NudityModels

CLIPS = Path(__file__).parent.parent / "tests" / "clips"
COSTS = {"montage.mp4": 16, "city.mp4": 8}  # seconds
LEVELS = (0.1, 0.2, 0.3, 0.5)
TRIES = 3


def photographs(folder: Path, more: Sequence[Path]) -> Iterator[Image.Image]:
    """Yield all pictures."""
    quality_photographs.fetch(folder)
    for photograph in quality_photographs.listed():
        yield quality_photographs.opened(photograph, folder)
    for path in more:
        yield Image.open(path).convert("RGB")


def score(models: NudityModels, photograph: Image.Image) -> float:
    """Return the higher score of the two tags; 0 if the picture isn't looked at."""
    picture = np.asarray(photograph.resize((NUDITY_VIEW.side, NUDITY_VIEW.side)))
    found = models.recognize(picture) if may_show_skin(picture) else ()
    return max((each.score for each in found), default=0.0)


def cost(clip: str, *, nudity: bool) -> float:
    """Return the CPU time that tagging a clip takes, in milliseconds a second of it."""
    seconds = COSTS[clip]
    request: dict[str, Any] = {"files": [str(CLIPS / clip)], "format": "mp4", "seconds": seconds}
    request |= {"custom": None, "revision": REVISION, "nudity": nudity}
    before = time.process_time()
    child.tag(request, lambda _done: None)
    return (time.process_time() - before) * 1000 / seconds


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("more", type=Path, nargs="*")
    options = parser.parse_args()
    models = load_nudity_models()
    scores = [score(models, each) for each in photographs(options.folder, options.more)]
    above = ", ".join(f"{sum(each > level for each in scores)} above {level}" for level in LEVELS)
    print(f"{len(scores)} pictures: {above}; the highest score is {max(scores):.2f}")
    for clip in COSTS:
        cost(clip, nudity=True)  # loads the models
        off, on = (min(cost(clip, nudity=each) for _ in range(TRIES)) for each in (False, True))
        print(f"{clip}: {off:.1f} ms a second for its tags, {on:.1f} ms with nudity")


if __name__ == "__main__":
    main()
