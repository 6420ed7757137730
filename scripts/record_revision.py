"""Records what the local tagger sees in clips of tests/clips, for its current revision.

Run it after raising ``REVISION`` in bot/taggers/local/identity.py:

    uv run python -m scripts.record_revision

tests/taggers/local/test_revision.py compares every later version of the code with the recording.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from bot.taggers.local import child
from bot.taggers.local.identity import REVISION

TESTS = Path(__file__).parent.parent / "tests"
RECORDING = TESTS / "taggers" / "local" / "revision.json"
# Among them: several codecs, pictures without key frames nearby, and a GIF's palette.
CLIPS = {"montage.mp4": 16, "montage.webm": 16, "montage.gif": 16, "city.mp4": 8}
_MIN_SCORE = 0.2  # lower scores are not recorded


def observe(clip: str, seconds: int) -> list[dict[str, Any]]:
    """Return the time and the scores by concept of each frame that the local tagger gives."""
    path = TESTS / "clips" / clip
    request = {"path": str(path), "format": path.suffix[1:], "seconds": seconds}
    answer = child.tag({**request, "custom": None, "revision": REVISION}, lambda _done: None)
    return [
        {"time": frame["time"], "scores": {n: s for n, s in frame["concepts"] if s >= _MIN_SCORE}}
        for frame in answer["frames"]
    ]


def main() -> None:
    """Write the recording."""
    clips = {clip: observe(clip, seconds) for clip, seconds in CLIPS.items()}
    recording = {"revision": REVISION, "clips": clips}
    RECORDING.write_text(json.dumps(recording, indent=1) + "\n")


if __name__ == "__main__":
    main()
