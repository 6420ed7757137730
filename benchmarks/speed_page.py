"""Measurements of local tagging as a page and a plot."""

from __future__ import annotations

import os
import platform
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from page import table
from PIL import Image, ImageDraw, ImageFont
from speed_clips import RATE, SECONDS
from speed_figures import KEYFRAMES, OURS, SAME, TITLES, UNFILTERED, Figures, goals_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

FONT = Path(__file__).parent.parent / "bot" / "render" / "fonts" / "DejaVuSans.ttf"
WIDTH, LEFT, ROOM, ROW, MARGIN = 1100, 420, 100, 32, 40  # pixels
COLOURS = {OURS: "#5865f2", KEYFRAMES: "#57a773"}


def page_of(figures: Figures) -> list[str]:
    """Return the section's lines."""
    marks = {True: "yes", False: "**no**"}
    columns = ["", *(clip.title for clip in figures.clips)]
    alike = {
        way: [f"{figures.alike(way, clip.name):.0%}" for clip in figures.clips]
        for way in (SAME, UNFILTERED, "pyav")
    }
    return [
        "## Local tagging",
        "",
        _how(figures),
        "",
        "Seconds to tag, and how many times as long as Framehound takes:",
        "",
        *table(columns, _rows(figures, figures.wall)),
        "",
        "![Bars: seconds each way takes to tag each clip](performance.png)",
        "",
        "The same in CPU time, which other work on the machine disturbs less:",
        "",
        *table(columns, _rows(figures, figures.cpu)),
        "",
        *table(
            ["Goal", "reached", "met"],
            [[goal.text, goal.reached, marks[goal.met]] for goal in goals_of(figures)],
        ),
        "",
        "Seconds with the very same tags as full decoding gives:",
        "",
        *table(
            columns,
            [
                ["of the same moments", *alike[SAME]],
                ["of the same moments without the loop filter", *alike[UNFILTERED]],
                ["of the middle of each second", *alike["pyav"]],
            ],
        ),
    ]


def _how(figures: Figures) -> str:
    packages = ("av", "onnxruntime", "opencv-python-headless", "imageio-ffmpeg")
    used = ", ".join(f"{name} {version(name)}" for name in packages)
    rounds = len(figures.runs[OURS, figures.clips[0].name])
    machine = f"{os.cpu_count()} cores ({_processor()})"
    load = f"load {figures.load:.1f} before and {os.getloadavg()[0]:.1f} after"
    return (
        f"`python benchmarks/speed.py`: clips of {SECONDS} s with {RATE} frames per second, made "
        f"of zoomed photographs and a street, with grain. Medians of {rounds} runs on {machine}, "
        f"{load}; {used}. Every program gives the same two models one picture per second. Imports, "
        "loading the models and a first batch don't count. Framehound is measured from outside its "
        "sandboxed child process, thumbnails included. The row of keyframes runs the models in "
        "parallel, as Framehound does."
    )


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    named = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return named[0] if named else platform.machine()


def _rows(figures: Figures, seconds: Callable[[str, str], float]) -> Iterator[list[str]]:
    for way, title in TITLES.items():
        cells = [(seconds(way, clip.name), seconds(OURS, clip.name)) for clip in figures.clips]
        yield [title, *(f"{taken:.2f} · {taken / ours:.1f}x" for taken, ours in cells)]


def draw(figures: Figures, path: Path) -> None:
    """Draw a bar for each program and clip; its length is the time."""
    font, small = (ImageFont.truetype(FONT, size) for size in (22, 18))
    rows = len(figures.clips) * (len(TITLES) + 2)
    image = Image.new("RGB", (WIDTH, rows * ROW + MARGIN), "white")
    pen = ImageDraw.Draw(image)
    longest = max(figures.wall(way, clip.name) for way in TITLES for clip in figures.clips)
    top = MARGIN // 2
    for clip in figures.clips:
        pen.text((MARGIN, top), clip.title, "black", font)
        top += ROW + ROW // 4
        for way, title in TITLES.items():
            seconds = figures.wall(way, clip.name)
            end = LEFT + round((WIDTH - LEFT - ROOM) * seconds / longest)
            pen.text((LEFT - 10, top + ROW // 2), title, "#444", small, anchor="rm")
            pen.rectangle((LEFT, top + 4, end, top + ROW - 4), COLOURS.get(way, "#b8bcc4"))
            pen.text((end + 8, top + ROW // 2), f"{seconds:.2f} s", "#444", small, anchor="lm")
            top += ROW
        top += ROW // 2
    image.save(path, optimize=True)
