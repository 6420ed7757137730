"""Measurements of local tagging, and the goals for them."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from speed_clips import SpeedClip

OURS, KEYFRAMES = "framehound", "keyframes"
# Full decoding of the moments that we choose: its tags are compared, not its speed.
SAME, UNFILTERED = "our-moments", "unfiltered"
TITLES = {
    OURS: "Framehound",
    KEYFRAMES: "PyAV, only keyframes (a lower bound)",
    "pyav-seek": "PyAV, only what each second needs",
    "pyav": "PyAV, everything",
    "opencv-grab": "OpenCV, converting only what is needed",
    "opencv": "OpenCV",
    "ffmpeg": "ffmpeg -vf fps=1",
}
MEGABYTE = 1e6
# The goals; in FASTER: on which clip, compared with which program, how many times as fast.
TIMES_KEYFRAMES, CORES, MEMORY, ALIKE = 1.3, 1.5, 250, 0.95
FASTER = (
    ("720p-1s", "opencv", 6.0),
    ("720p-2s", "opencv", 2.5),
    ("720p-2s", "pyav-seek", 1.0),
    ("720p-10s", "opencv", 1.5),
)


@dataclass(frozen=True, slots=True)
class Run:
    """The measurements of one program on one clip: seconds, bytes, picture times, and tags."""

    wall: float
    cpu: float
    memory: int
    times: list[int]
    tags: list[list[str]]


@dataclass(frozen=True, slots=True)
class Figures:
    """The runs of each program on each clip; ``load`` is the load average before them."""

    clips: Sequence[SpeedClip]
    runs: dict[tuple[str, str], list[Run]]
    long: Run
    load: float

    def wall(self, way: str, clip: str) -> float:
        """Return the median wall time in seconds."""
        return median(run.wall for run in self.runs[way, clip])

    def cpu(self, way: str, clip: str) -> float:
        """Return the median CPU time in seconds, summed over cores."""
        return median(run.cpu for run in self.runs[way, clip])

    def alike(self, way: str, clip: str) -> float:
        """Return the share of seconds that have the same tags as ours."""
        ours, other = self.runs[OURS, clip][0].tags, self.runs[way, clip][0].tags
        return sum(map(list.__eq__, ours, other)) / len(ours)


@dataclass(frozen=True, slots=True)
class Goal:
    """A goal, the figure reached, and whether that is enough."""

    text: str
    reached: str
    met: bool


def goals_of(figures: Figures) -> Iterator[Goal]:
    """Compare the figures with the goals."""
    above = figures.wall(OURS, "720p-1s") / figures.wall(KEYFRAMES, "720p-1s")
    text = f"a keyframe every second: at most {TIMES_KEYFRAMES} times the time of keyframes alone"
    yield Goal(text, f"{above:.2f} times", above <= TIMES_KEYFRAMES)
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
