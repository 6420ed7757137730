"""Measure how much of the text in clips is read, kind by kind, and what reading costs.

    uv run --group bench python benchmarks/text_reading.py FOLDER [--tuning] [--misses]

draws scenes over the photographs of ``benchmarks/quality.py`` with fonts out of Debian packages
(downloaded into FOLDER once; needs uv and apt-get), makes clips of them, reads them, and prints a
table. Without ``--tuning`` it measures the reported part, whose fonts, photographs and sentences no
rule was tuned on, and writes the table into docs/local-tagger.md. ``--misses`` lists lines that
were not read and lines that nobody wrote. ``--hostile`` measures ten minutes of changing text.

A line is read if, in the seconds it is shown, 80 % of its letters were read in their order.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import string
import sys
import time
from collections import defaultdict
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import av
import numpy as np
from av.video.stream import VideoStream
from PIL import Image, ImageDraw

sys.path.insert(0, str(Path(__file__).parent.parent))

import quality_photographs
import text_scenes

from bot.domain.clip import ClipFile, ClipFormat, ClipInfo
from bot.domain.senses import Sense
from bot.domain.text_lines import letters
from bot.media.sandbox.pool import Sandbox
from bot.taggers.local import child
from bot.taggers.local.identity import REVISION, text_identity
from bot.taggers.local.sense_reader import SenseReader

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from bot.domain.text_lines import TextLine

DOCS = Path(__file__).parent.parent / "docs" / "local-tagger.md"
BEGIN, END = "<!-- text -->\n", "<!-- /text -->\n"
RATE, SECONDS, SCENES = 5, 4, 8  # pictures per second, seconds per scene, scenes per kind
ENOUGH = 0.8  # of a line's letters
HOSTILE_SECONDS, HOSTILE_LINES = 600, 24


@dataclass(slots=True)
class Count:
    """The lines of one kind, how many were read, and how many lines nobody wrote."""

    lines: int = 0
    read: int = 0
    made_up: int = 0
    milliseconds: list[float] = field(default_factory=list)


def encode(path: Path, pictures: Iterable[Image.Image], rate: int = RATE) -> Path:
    """Write pictures as an MP4 file, like a site that compresses strongly."""
    with av.open(str(path), "w", format="mp4") as container:
        options = {"preset": "veryfast", "crf": "28", "g": str(10 * rate)}
        track = container.add_stream("libx264", rate=rate, options=options)
        if not isinstance(track, VideoStream):
            raise TypeError(track)
        track.width, track.height, track.pix_fmt = *text_scenes.SIZE, "yuv420p"
        for number, picture in enumerate(pictures):
            frame = av.VideoFrame.from_ndarray(np.asarray(picture), "rgb24")
            frame = frame.reformat(format="yuv420p")
            frame.pts, frame.time_base = number, Fraction(1, rate)
            container.mux(track.encode(frame))
        container.mux(track.encode(None))
    return path


def moving(scenes: Iterable[text_scenes.TextScene]) -> Iterator[Image.Image]:
    """Yield the pictures of scenes."""
    steps = RATE * SECONDS
    for scene in scenes:
        yield from (scene.picture(step / steps) for step in range(steps))


def share_read(line: str, readings: Sequence[str]) -> float:
    """Return the share of a line's letters that one of the readings has in their order."""
    wanted = letters(line)
    matchers = (SequenceMatcher(None, wanted, letters(each), autojunk=False) for each in readings)
    found = (sum(block.size for block in each.get_matching_blocks()) for each in matchers)
    return max(found, default=0) / len(wanted)


def judge(
    scenes: Sequence[text_scenes.TextScene],
    found: Sequence[TextLine],
    count: Count,
    *,
    misses: bool,
) -> None:
    """Compare what was read with what stands on the scenes of one clip."""
    for number, scene in enumerate(scenes):
        start, end = number * SECONDS, (number + 1) * SECONDS
        shown = [each for each in found if each.start < end and each.end > start]
        unread = [
            line for line in scene.lines if share_read(line, [each.text for each in shown]) < ENOUGH
        ]
        made_up = [
            each.text
            for each in shown
            if each.start >= start
            and max((share_read(each.text, [line]) for line in scene.lines), default=0) < ENOUGH / 2
        ]
        count.lines += len(scene.lines)
        count.read += len(scene.lines) - len(unread)
        count.made_up += len(made_up)
        if misses and (unread or made_up):
            print(f"{scene.kind} {number}: missed {unread}, made up {made_up}")


def cost(path: Path, seconds: int, *, text: bool) -> float:
    """Return the CPU time of tagging a clip here, in milliseconds a clip second."""
    wanted = {"custom": None, "revision": text_identity(None).revision} if text else None
    request: dict[str, Any] = {"files": [str(path)], "format": "mp4", "seconds": seconds}
    request |= {"custom": None, "revision": REVISION, "text": wanted}
    before = time.process_time()
    child.tag(request, lambda _done: None)
    return (time.process_time() - before) * 1000 / seconds


async def measure(folder: Path, part: str, *, misses: bool) -> dict[str, Count]:
    """Make the clips of a part, read them, and count."""
    quality_photographs.fetch(folder)
    maker = text_scenes.SceneMaker(folder, part)
    counts: defaultdict[str, Count] = defaultdict(Count)
    async with Sandbox(workers=1, folder=folder / "sandbox") as sandbox:
        senses = SenseReader(sandbox)
        for kind in (*text_scenes.KINDS, "photograph"):
            scenes = [
                maker.photograph(number) if kind == "photograph" else maker.scene(kind, number)
                for number in range(2 * SCENES if kind == "photograph" else SCENES)
            ]
            path = folder / f"text-{part}-{kind}.mp4"
            if not path.exists():
                encode(path, moving(scenes))
            seconds = len(scenes) * SECONDS
            info = ClipInfo(ClipFormat.MP4, path.stat().st_size, seconds * 1000, "")
            found = await senses.observe(ClipFile(path, info), {Sense.TEXT})
            judge(scenes, found.text or (), counts[kind], misses=misses)
            cost(path, seconds, text=True)  # loads the models
            counts[kind].milliseconds = [cost(path, seconds, text=each) for each in (False, True)]
    return counts


def table(counts: dict[str, Count]) -> str:
    """Return the counts as a Markdown table."""
    every = list(counts.values())
    means = [sum(each.milliseconds[place] for each in every) / len(every) for place in (0, 1)]
    total = Count(
        sum(each.lines for each in every),
        sum(each.read for each in every),
        sum(each.made_up for each in every),
        means,
    )
    rows = [
        "| shown | lines | read | made up | CPU ms a clip second: tags | tags and text |",
        "|---|---|---|---|---|---|",
        *(row(kind, count) for kind, count in counts.items()),
        row("**all**", total),
    ]
    return "\n".join(rows) + "\n"


def row(kind: str, count: Count) -> str:
    """Return one row of the table."""
    read = f"{count.read / count.lines:.0%}" if count.lines else "–"
    tags, both = count.milliseconds
    return f"| {kind} | {count.lines} | {read} | {count.made_up} | {tags:.0f} | {both:.0f} |"


def hostile_pictures() -> Iterator[Image.Image]:
    """Yield ten minutes of random lines, other ones each second."""
    draw = random.Random(1)  # noqa: S311 - a picture, not a secret
    for _ in range(HOSTILE_SECONDS):
        picture = Image.new("RGB", text_scenes.SIZE, "black")
        for row in range(HOSTILE_LINES):
            line = "".join(draw.choices(string.ascii_letters + "  ", k=60))
            ImageDraw.Draw(picture).text((10, row * 30), line, "white", font_size=26)
        yield picture


async def measure_hostile(folder: Path) -> None:
    """Print the time, and what is kept, of ten minutes full of changing text."""
    path = folder / "text-hostile.mp4"
    if not path.exists():
        encode(path, hostile_pictures(), rate=1)
    info = ClipInfo(ClipFormat.MP4, path.stat().st_size, HOSTILE_SECONDS * 1000, "")
    async with Sandbox(workers=1, folder=folder / "sandbox") as sandbox:
        before = time.perf_counter()
        observed = await SenseReader(sandbox).observe(ClipFile(path, info), {Sense.TEXT})
    found = observed.text or ()
    letters_kept = sum(len(line.text) for line in found)
    print(f"{time.perf_counter() - before:.0f} s, {len(found)} lines, {letters_kept} characters")


def main() -> None:
    """Measure, and write the table into the documentation."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    for option in ("--tuning", "--misses", "--hostile"):
        parser.add_argument(option, action="store_true")
    asked = parser.parse_args()
    if asked.hostile:
        asyncio.run(measure_hostile(asked.folder))
        return
    part = "tuning" if asked.tuning else "reported"
    result = table(asyncio.run(measure(asked.folder, part, misses=asked.misses)))
    print(result)
    if not asked.tuning:
        before, _, rest = DOCS.read_text().partition(BEGIN)
        DOCS.write_text(before + BEGIN + result + END + rest.partition(END)[2])


if __name__ == "__main__":
    main()
