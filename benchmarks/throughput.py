"""Measure tagging through Clarifai, and the resources of the bot itself.

``python benchmarks/throughput.py [--runs 3]`` runs real processes against a Discord and a Clarifai
on loopback that takes 300 ms, beside the same calls made by hand (``bare.py``), prints tables of
ratios with medians, and writes them into ``docs/performance.md``.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import tempfile
from functools import partial
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, TypeVar

import downloads
import throughput_ways as ways
from page import table, write_section
from stage import LATENCY, Stage, opened

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

ALLOWED = 15  # calls per second, as Clarifai documents
ENOUGH = 0.9  # of them
MAX_WAIT = 1.5  # times as long as the same calls by hand
FEW_MB = 10
MEGABYTE = 1_000_000
T = TypeVar("T")
Goal = tuple[str, str, bool]
Part = tuple[list[str], list[Goal]]
"""A table, and the goals it decides: what is wanted, what was reached, whether that is enough."""


async def repeated(runs: int, what: str, doing: Callable[[], Awaitable[T]]) -> list[T]:
    """Run something several times, one after the other."""
    found = []
    for run in range(1, runs + 1):
        found.append(await doing())
        print(f"{what}, run {run}: {found[-1]}", flush=True)
    return found


async def report_calls(stage: Stage, runs: int) -> Part:
    """Report how many calls per second are made."""
    of_messages = ways.calls_of_framehound
    each: dict[str, Callable[[], Awaitable[tuple[float, int]]]] = {
        "40 clips, 10 a message": partial(of_messages, stage, 10),
        "40 clips, 1 a message": partial(of_messages, stage, 1),
        "`framehound tag` with 40 files": partial(ways.calls_of_command, stage),
        "the tutorial's loop: one clip after the other": partial(ways.calls_of_tutorial, stage),
    }
    found = {name: await repeated(runs, name, doing) for name, doing in each.items()}
    rates = {name: median(rate for rate, _ in runs_of_it) for name, runs_of_it in found.items()}
    most = {name: max(most for _, most in runs_of_it) for name, runs_of_it in found.items()}
    rows = [
        (name, f"{rate:.1f}", f"{rate / ALLOWED:.0%}", f"{most[name]}")
        for name, rate in rates.items()
    ]
    best, highest = max(rates.values()), max(most.values())
    goals = [
        (
            f"{ENOUGH:.0%} of {ALLOWED} calls a second on 40 clips",
            f"{best / ALLOWED:.0%}",
            best >= ENOUGH * ALLOWED,
        ),
        (f"never more than {ALLOWED} within a second", f"{highest}", highest <= ALLOWED),
    ]
    head = ("calls to Clarifai", "a second", f"of {ALLOWED}", "most within a second")
    return table(head, rows), goals


async def report_waits(stage: Stage, runs: int) -> Part:
    """Report how long people wait from posting to the reply."""
    each = {
        "the same calls by hand": ways.waits_by_hand,
        "Framehound": ways.waits_of_framehound,
        "a repost": ways.waits_of_reposts,
    }
    found: dict[str, list[ways.Waits]] = {name: [] for name in each}
    for _ in range(runs):  # in turn, so that a busy moment of the machine affects all
        for name, doing in each.items():
            found[name] += await repeated(1, name, partial(doing, stage))
    hand, ours, again = (median(wait.seconds for wait in waits) for waits in found.values())
    rows = [
        (
            name,
            f"{median(wait.seconds for wait in waits):.3f}",
            f"{median(wait.seconds for wait in waits) / hand:.2f}",
            f"{median(wait.cpu for wait in waits):.0f}",
            *(
                f"{max(number):.0f}"
                for number in zip(*((w.downloads, w.calls) for w in waits), strict=True)
            ),
        )
        for name, waits in found.items()
    ]
    reposts = found["a repost"]
    free = all((wait.downloads, wait.calls) == (1, 0) for wait in reposts)
    goals = [
        (
            f"at most {MAX_WAIT} times the wait of the same calls by hand",
            f"{ours / hand:.2f}",
            ours <= MAX_WAIT * hand,
        ),
        (
            "a repost: one download for its fingerprint, no call",
            f"{again / hand:.2f} of the wait",
            free,
        ),
    ]
    head = ("posting 1 MB to the reply", "seconds", "by hand = 1", "CPU ms", "downloads", "calls")
    return table(head, rows), goals


async def report_downloads(stage: Stage, runs: int) -> Part:
    """Report the cost of a download."""
    rows = []
    growth = {}
    for way, name in (("fetch", "Framehound, with its fingerprint"), ("read", "`await read()`")):
        found = await repeated(runs, name, partial(downloads.measure, way, stage.folder))
        seconds, used, grown = (median(run[key] for run in found) for key in found[0])
        size = downloads.BYTES / MEGABYTE
        growth[way] = grown / MEGABYTE
        rows.append((name, f"{size / seconds:.0f}", f"{size / used:.0f}", f"{growth[way]:.0f}"))
    goal = (
        "a download of 500 MB holds no more than a few",
        f"{growth['fetch']:.0f} MB",
        growth["fetch"] < FEW_MB,
    )
    return table(("500 MB over loopback", "MB/s", "MB a CPU second", "MB grown"), rows), [goal]


async def report_needs(stage: Stage, runs: int) -> Part:
    """Report what an idle bot needs."""
    ours = await repeated(runs, "idle", partial(ways.quiet_framehound, stage))
    hand = await repeated(runs, "idle, bare", partial(ways.quiet_bare, stage))
    rows = []
    for what in ours[0]:
        mine, bare = (median(run[what] for run in found) for found in (ours, hand))
        ratio = f"{mine / bare:.2f}" if bare else ""
        rows.append((what, f"{mine:,.1f}", f"{bare:,.1f}", ratio))
    return table(("nothing to tag", "Framehound", "bare `AutoShardedBot`", "ratio"), rows), []


async def main(runs: int) -> bool:
    """Measure everything, print it and write it down; return whether every goal is met."""
    before = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as folder:
        async with opened(Path(folder)) as stage:
            reports = (report_calls, report_waits, report_downloads, report_needs)
            parts = [await report(stage, runs) for report in reports]
    goals = [goal for _, decided in parts for goal in decided]
    marks = {True: "yes", False: "**no**"}
    rows = [(wanted, reached, marks[met]) for wanted, reached, met in goals]
    how = (
        f"`python benchmarks/throughput.py`, {os.cpu_count()} cores, load {before:.1f} before "
        f"and {os.getloadavg()[0]:.1f} after; medians of {runs} runs. Clarifai is "
        f"a stand-in that takes {LATENCY * 1000:.0f} ms."
    )
    lines = ["## The way through Clarifai", "", how]
    for section in (table(("Goal", "reached", "met"), rows), *(lines for lines, _ in parts)):
        lines += ["", *section]
    print("\n".join(lines))
    write_section("throughput", lines)
    return all(met for _, _, met in goals)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--runs", type=int, default=3)
    sys.exit(not asyncio.run(main(parser.parse_args().runs)))
