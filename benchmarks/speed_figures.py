"""What was measured of local tagging, and what it was to be."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from speed_clips import SpeedClip

OURS, FLOOR = "framehound", "floor"
# What is compared alone, not raced: full decoding of the moments that we choose.
SAME, UNFILTERED = "our-moments", "unfiltered"
TITLES = {
    OURS: "Framehound",
    FLOOR: "the floor: key pictures and models alone",
    "pyav-seek": "PyAV, only what each second needs",
    "pyav": "PyAV, everything",
    "opencv-grab": "OpenCV, converting only what is needed",
    "opencv": "OpenCV",
    "ffmpeg": "ffmpeg -vf fps=1",
}
MEGABYTE = 1e6
# What is to be reached; then on which clip, beside whom, how many times as fast.
ABOVE_FLOOR, CORES, MEMORY, ALIKE = 1.3, 1.5, 250, 0.95
FASTER = (
    ("720p-1s", "opencv", 6.0),
    ("720p-2s", "opencv", 2.5),
    ("720p-2s", "pyav-seek", 1.0),
    ("720p-10s", "opencv", 1.5),
)


@dataclass(frozen=True, slots=True)
class Run:
    """What one way gave on one clip: seconds, bytes, the pictures' times, each second's tags."""

    wall: float
    cpu: float
    memory: int
    times: list[int]
    tags: list[list[str]]


@dataclass(frozen=True, slots=True)
class Figures:
    """The runs of each way on each clip; ``load`` is what was running before them."""

    clips: Sequence[SpeedClip]
    runs: dict[tuple[str, str], list[Run]]
    long: Run
    load: float

    def wall(self, way: str, clip: str) -> float:
        """Return the median seconds."""
        return median(run.wall for run in self.runs[way, clip])

    def cpu(self, way: str, clip: str) -> float:
        """Return the median seconds of all cores."""
        return median(run.cpu for run in self.runs[way, clip])

    def alike(self, way: str, clip: str) -> float:
        """Return the share of seconds that another way gave the same tags as we do."""
        ours, other = self.runs[OURS, clip][0].tags, self.runs[way, clip][0].tags
        return sum(map(list.__eq__, ours, other)) / len(ours)


@dataclass(frozen=True, slots=True)
class Goal:
    """What was to be reached, what was, and whether that is enough."""

    text: str
    reached: str
    met: bool


def goals_of(figures: Figures) -> Iterator[Goal]:
    """Compare the figures with what they are to be."""
    above = figures.wall(OURS, "720p-1s") / figures.wall(FLOOR, "720p-1s")
    text = f"a key picture each second: at most {ABOVE_FLOOR} times the floor"
    yield Goal(text, f"{above:.2f} times", above <= ABOVE_FLOOR)
    for clip, peer, least in FASTER:
        times = figures.wall(peer, clip) / figures.wall(OURS, clip)
        distance = clip.partition("-")[2].rstrip("s")
        text = f"every {distance} s: at least {least:g} times as fast as {TITLES[peer]}"
        yield Goal(text, f"{times:.1f} times", times >= least)
    cores = figures.cpu(OURS, "720p-10s") / figures.wall(OURS, "720p-10s")
    yield Goal("both cores used", f"{cores:.2f} of 2 on average", cores >= CORES)
    every = [run for (way, _), runs in figures.runs.items() if way == OURS for run in runs]
    memory = max(run.memory for run in every) / MEGABYTE
    long = figures.long.memory / MEGABYTE
    text = f"at most {MEMORY} MB above idle, however long the clip"
    reached = f"{memory:.0f} MB for a minute, {long:.0f} MB for ten"
    yield Goal(text, reached, max(memory, long) <= MEMORY)
    alike = min(figures.alike(SAME, clip.name) for clip in figures.clips)
    yield Goal(f"full decoding's tags on {ALIKE:.0%} of seconds", f"{alike:.0%}", alike >= ALIKE)
