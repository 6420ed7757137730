"""Measure how well local tags tell the kind of clip, and how often they are wrong, kind by kind.

    uv run --group models python benchmarks/quality_kinds.py FOLDER [--misses]

FOLDER has the pictures that ``scripts/kinds`` collected. Clips are made of the sources that were
never trained on, and tagged as always, and once more without kinds. Nobody has written down what a
game or a drawing shows, so any other tag than its kind counts as *another tag* there, even if it is
right. Writes the table into docs/local-tagger.md.
"""

from __future__ import annotations

import argparse
import random
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).parent.parent))

from bot.domain.clip import ClipFormat
from bot.domain.concepts import Frame
from bot.domain.kind import TAGGED_KINDS
from bot.media.decode.sampling import sample
from bot.taggers.local.kinds import KINDS, settle
from bot.taggers.local.recognizer import load_recognizer
from bot.taggers.local.smoothing import smooth
from scripts.kinds import clips
from scripts.kinds.sources import is_reported
from scripts.kinds.train import clip_pictures, folders

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bot.domain.kind import Kind
    from bot.taggers.local.recognizer import Recognizer

DOCS = Path(__file__).parent.parent / "docs" / "local-tagger.md"
BEGIN, END = "<!-- kinds -->\n", "<!-- /kinds -->\n"
THRESHOLD = 0.5
SHOWN = 3  # tags of a second that are looked at first


def tagged(
    recognizer: Recognizer, clip: Path, seconds: int
) -> tuple[Sequence[Frame], Sequence[Frame]]:
    """Return a clip's frames without kinds, and with them."""
    sampled = list(sample(clip, ClipFormat.MP4, seconds=seconds, views=recognizer.views))
    seen = recognizer.recognize(sampled)
    named = zip(sampled, seen, strict=True)
    plain = smooth([Frame(frame.second * 1000, each.concepts) for frame, each in named])
    return plain, settle(plain, [each.kinds for each in seen])[0]


def count(kind: Kind, frames: Sequence[Frame]) -> Counter[str]:
    """Count seconds, those whose first tags have the kind, and those with wrong or other tags."""
    counts: Counter[str] = Counter()
    for frame in frames:
        tags = [each.name for each in frame.concepts if each.score > THRESHOLD]
        counts["seconds"] += 1
        counts["found"] += kind.value in tags[:SHOWN]
        counts["wrong kind"] += any(other in tags and other is not kind for other in TAGGED_KINDS)
        counts["others"] += any(tag not in set(KINDS) for tag in tags)
    return counts


def measure(folder: Path, *, misses: bool) -> dict[Kind, tuple[Counter[str], Counter[str]]]:
    """Make and tag the clips; return the counts without and with kinds."""
    recognizer = load_recognizer(None)
    found = {kind: (Counter[str](), Counter[str]()) for kind in KINDS}
    for kind, source in folders(folder):
        chance = random.Random(f"report {kind} {source.name}")  # noqa: S311 - sizes and qualities
        pictures = clip_pictures(kind, source, chance) if is_reported(kind, source.name) else []
        if not pictures:
            continue
        clip = folder / "clip.mp4"
        clips.write_clip(clip, pictures, chance.choice(clips.QUALITIES))
        both = [count(kind, frames) for frames in tagged(recognizer, clip, len(pictures))]
        for total, each in zip(found[kind], both, strict=True):
            total.update(each)
        if misses:
            print(f"{kind}: {source.name}: {dict(both[1])}")
    return found


def table(found: dict[Kind, tuple[Counter[str], Counter[str]]]) -> str:
    """Return the table."""
    lines = [
        "| kind | seconds | found | another kind | other tags before | and now |",
        "|---|---|---|---|---|---|",
    ]
    for kind, (before, now) in found.items():
        total = max(1, now["seconds"])
        numbers = (now["found"], now["wrong kind"], before["others"], now["others"])
        shares = [f"{number / total:.0%}" for number in numbers]
        shares[1] = f"{now['wrong kind'] / total:.1%}"
        if kind not in TAGGED_KINDS:
            shares[0] = "–"
        lines.append(f"| {kind} | {now['seconds']} | {' | '.join(shares)} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Measure, print and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--misses", action="store_true")
    chosen = parser.parse_args()
    written = table(measure(chosen.folder, misses=chosen.misses))
    print(written)
    before, rest = DOCS.read_text("utf-8").split(BEGIN)
    DOCS.write_text(before + BEGIN + written + END + rest.split(END)[1], "utf-8")


if __name__ == "__main__":
    main()
