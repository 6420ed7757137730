"""Measure local tagging beside other programs: ``python benchmarks/speed.py``.

Needs the group ``bench`` (``uv pip install --group bench``) for OpenCV and ffmpeg. Makes its clips
in ``--clips`` if they are missing; runs every program on every clip several times, in turn, each in
a process of its own (``speed_ways.py``); writes the medians with a plot to ``docs/performance.md``.
Other load on the machine distorts wall times, so the load average and CPU times are printed too.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from page import write_section
from speed_clips import CLIPS, SECONDS, make_clips, repeated
from speed_figures import OURS, SAME, TITLES, UNFILTERED, Figures, Run, goals_of
from speed_page import draw, page_of

HERE = Path(__file__).parent
PLOT = HERE.parent / "docs" / "performance.png"
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

LONG_CLIP = "720p-2s"
LONG = 10  # times a clip is repeated, to check that memory does not grow with its length


def main() -> None:
    """Make the clips, run everything, write the page; exit with 1 if a goal is missed."""
    asked = _arguments()
    asked_for = CLIPS[:3] if asked.quick else CLIPS
    clips = make_clips(asked_for, asked.clips)
    with tempfile.TemporaryDirectory() as folder:
        repeated_clip = repeated(clips[LONG_CLIP], Path(folder) / "long.mp4", LONG)
        long = _run(OURS, repeated_clip, LONG)
        figures = Figures(asked_for, {}, long, os.getloadavg()[0])
        for number in range(asked.rounds):
            for (way, clip), run in _round(clips, (SAME, UNFILTERED) * (not number)):
                figures.runs.setdefault((way, clip), []).append(run)
            write_section("local tagging", page_of(figures))
            draw(figures, PLOT)
    print("\n".join(page_of(figures)))
    sys.exit(not all(goal.met for goal in goals_of(figures)))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help="just the clips that goals speak of")
    parser.add_argument(
        "--clips", type=Path, default=Path(tempfile.gettempdir()) / "framehound-speed-clips"
    )
    return parser.parse_args()


def _round(
    clips: dict[str, Path], compared: Sequence[str]
) -> Iterator[tuple[tuple[str, str], Run]]:
    """Run the programs in turn, so that a disturbance does not hit one of them alone."""
    for clip, path in clips.items():
        for way in (*TITLES, *compared):
            run = _run(way, path, 1)
            print(f"{clip:10}{way:14}{run.wall:7.2f} s {run.cpu:7.2f} s CPU", flush=True)
            yield (way, clip), run


def _run(way: str, path: Path, times: int) -> Run:
    path.read_bytes()  # from memory, not from disk
    command = [sys.executable, str(HERE / "speed_ways.py"), way, str(path), str(SECONDS * times)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE)  # noqa: S603 - our own
    return Run(**json.loads(done.stdout))


if __name__ == "__main__":
    main()
