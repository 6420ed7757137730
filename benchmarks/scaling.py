"""Measure the throughput of one gateway and one or two workers on this machine.

``python benchmarks/scaling.py [--minutes 8]`` starts PostgreSQL, a Discord and a Clarifai on
loopback and real ``framehound`` processes, and prints tables. All parts share the machine, so each
rate is printed with the CPU time each part used for it.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from itertools import repeat
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

import psutil  # type: ignore[import-untyped]  # its stubs are a package of their own

sys.path.insert(0, str(Path(__file__).parent.parent))

from cluster import PARTS, Bench, Cluster, Use, crowded_discord
from stage import new_clips, slow_clarifai

from tests.processes import programs
from tests.stand_ins.postgres import find_binaries, running_postgres

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

ROOT = Path(__file__).parent.parent
RUNS, MAX_RUNS = 3, 9
QUIET = 0.1  # a run during which other programs used more is repeated while runs are left
WAITING = 64  # unanswered messages at any time: more than two workers take at once
MESSAGES, JOBS = 5000, 400  # in one burst without clips, and with
WARM_UP_SECONDS, IDLE_SECONDS = 5, 30
TICK, MEASURE_EACH = 0.02, 1.0  # seconds between counts of answers, and between measurements of use
TIMEOUT = 120  # seconds to wait before giving up
MEGABYTE = 1_000_000

Load = Callable[[Cluster], Awaitable[int]]
"""One kind of load: puts it on a cluster and returns how many items were processed."""


@dataclass(frozen=True)
class Figure:
    """The rate per second, and the CPU milliseconds per item for each part.

    ``busy`` is the share of all cores that was used, ``others`` the share used by other programs.
    """

    rate: float
    each: Mapping[str, float]
    busy: float
    others: float

    @classmethod
    def median_of(cls, runs: Sequence[Figure]) -> Figure:
        """Return the median of each number."""
        return cls(
            median(run.rate for run in runs),
            {part: median(run.each[part] for run in runs) for part in PARTS},
            median(run.busy for run in runs),
            median(run.others for run in runs),
        )


async def main(bench: Bench, seconds: float) -> None:
    """Measure everything, with ``seconds`` for each run of answering, and print it."""
    print_idle(await idle(bench))
    heads = (*(f"{part}, CPU ms each" for part in PARTS), "machine busy", "with others")
    print_row("at work", "a second", *heads)
    print_row("---", "--:", *("--:" for _ in heads))
    held: dict[str, Mapping[str, Use]] = {}
    async with slow_clarifai() as clarifai:
        account = programs.clarifai_settings(clarifai)
        async with bench.cluster(0, account) as cluster:
            await print_figure("messages without a clip, heard", cluster, receive)
            await print_figure("messages with a clip, into the queue", cluster, queue_jobs)
        for workers in (1, 2):
            for kind, settings, clips in (
                ("reposts", account, repeat(next(new_clips()))),
                ("new clips, Clarifai", account, new_clips()),
                ("new clips, local tagger", {"TAGGER": "local"}, new_clips()),
            ):
                name = f"{kind}, workers: {workers}"
                async with bench.cluster(workers, settings) as cluster:
                    await answer(clips, WARM_UP_SECONDS, cluster)
                    await print_figure(name, cluster, partial(answer, clips, seconds))
                    held[name] = cluster.most
    print_held(held)


async def idle(bench: Bench) -> dict[str, tuple[float, Use]]:
    """Return the use of each part when idle: percent of a core, memory and connections."""
    async with (
        bench.cluster(1, {}) as cluster,
        crowded_discord() as another,
        bench.started(another, {}, "run") as single,
    ):
        cluster.trees = {**cluster.trees, "single `run`": [single]}
        await asyncio.sleep(WARM_UP_SECONDS)
        before = cluster.use()
        await asyncio.sleep(IDLE_SECONDS)
        after = cluster.use()
    return {
        part: ((after[part].cpu - before[part].cpu) / IDLE_SECONDS * 100, after[part])
        for part in cluster.trees
    }


async def receive(cluster: Cluster) -> int:
    """Send the gateway messages without clips; it answers only the last, a command."""
    expected = cluster.answered() + 1
    for _ in range(MESSAGES - 1):
        await cluster.post("nothing to see here")
        await asyncio.sleep(0)
    await cluster.post("!tags")
    await _until(lambda: cluster.answered() >= expected)
    return MESSAGES


async def queue_jobs(cluster: Cluster) -> int:
    """Have the gateway queue jobs while no worker runs."""
    clip, expected = next(new_clips()), cluster.queued() + JOBS
    for _ in range(JOBS):
        await cluster.post("look", clip)
        await asyncio.sleep(0)
    await _until(lambda: cluster.queued() >= expected)
    return JOBS


async def answer(clips: Iterator[bytes], seconds: float, cluster: Cluster) -> int:
    """Keep more messages waiting than workers take; return how many were answered."""
    first, now = cluster.answered(), time.perf_counter()
    end, next_measurement = now + seconds, now + MEASURE_EACH
    while (now := time.perf_counter()) < end:
        while cluster.posted - cluster.answered() < WAITING:
            await cluster.post("look", next(clips))
        if now > next_measurement:
            cluster.use()
            next_measurement = now + MEASURE_EACH
        await asyncio.sleep(TICK)
    return cluster.answered() - first


async def measure(cluster: Cluster, load: Load) -> Figure:
    """Time one run, and divide the CPU time by the number of items processed."""
    psutil.cpu_percent()
    before, start = cluster.use(), time.perf_counter()
    done = await load(cluster)
    if not done:
        raise RuntimeError("no message was answered in a run; use more --minutes")
    seconds, after, busy = time.perf_counter() - start, cluster.use(), psutil.cpu_percent() / 100
    used = {part: after[part].cpu - before[part].cpu for part in after}
    ours = sum(used.values()) / seconds / (psutil.cpu_count() or 1)
    each = {part: cpu / done * 1000 for part, cpu in used.items()}
    return Figure(done / seconds, each, busy, max(0.0, busy - ours))


def print_idle(parts: Mapping[str, tuple[float, Use]]) -> None:
    """Print the use of each part when idle."""
    print_row("idle", "% of a core", "MB resident", "connections")
    print_row("---", "--:", "--:", "--:")
    for part, (percent, use) in parts.items():
        print_row(part, f"{percent:.1f}", f"{use.memory / MEGABYTE:.0f}", f"{use.connections}")
    print()


async def print_figure(name: str, cluster: Cluster, load: Load) -> None:
    """Measure until enough runs were undisturbed, and print the medians of the quietest."""
    runs: list[Figure] = []
    while len(runs) < MAX_RUNS and sum(run.others < QUIET for run in runs) < RUNS:
        runs.append(await measure(cluster, load))
    figure = Figure.median_of(sorted(runs, key=lambda run: run.others)[:RUNS])
    each = (f"{figure.each[part]:.2f}" for part in PARTS)
    print_row(name, f"{figure.rate:.1f}", *each, f"{figure.busy:.0%}", f"{figure.others:.0%}")


def print_held(held: Mapping[str, Mapping[str, Use]]) -> None:
    """Print the peak use of gateways and workers, all workers of a cluster together."""
    print()
    print_row("held at most", "part", "MB resident", "connections")
    print_row("---", "---", "--:", "--:")
    for name, parts in held.items():
        for part in ("gateway", "workers"):
            use = parts[part]
            print_row(name, part, f"{use.memory / MEGABYTE:.0f}", f"{use.connections}")


def print_row(*cells: str) -> None:
    """Print a row of a table."""
    print("|", " | ".join(cells), "|", flush=True)


async def _until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(TIMEOUT):
        while not holds():  # noqa: ASYNC110 - other processes set no event of ours
            await asyncio.sleep(TICK)


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=8, help="about how long to measure")
    return parser.parse_args()


if __name__ == "__main__":
    binaries = find_binaries()
    if binaries is None:
        sys.exit("PostgreSQL is not installed here")
    minutes = parse_arguments().minutes
    with running_postgres(binaries) as server, tempfile.TemporaryDirectory() as folder:
        # Six loads; a third of the time goes into starting, stopping and the rest.
        asyncio.run(main(Bench(server, Path(folder)), minutes * 60 * 2 / 3 / (6 * RUNS)))
