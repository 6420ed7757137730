"""Measure the way through Clarifai, and what the bot itself needs.

``python benchmarks/throughput.py [--runs 3]`` runs real processes against a Discord and a Clarifai
on loopback that takes 300 ms, beside the same calls made by hand (``bare.py``), prints tables of
ratios with medians, and writes them into ``docs/performance.md``.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import tempfile
import time
from functools import partial
from itertools import islice
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, TypeVar

import downloads
from page import table, write_section
from stage import LATENCY, PATIENCE, Stage, new_clips, opened, post

from tests import programs

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    import psutil  # type: ignore[import-untyped]  # its stubs are a package of their own

    from tests.stand_ins.clarifai import LoopbackClarifai

ALLOWED = 15  # calls a second, as Clarifai documents them
CLIPS, CLIPS_A_MESSAGE = 40, 10
WAITS = 12  # clips whose wait is measured, in each run
MESSAGES = 5000  # without a clip
CLIP_BYTES = 1_000_000
SETTLED = 8.0  # seconds until a bot that is connected does nothing more
MEGABYTE = 1_000_000
NOTES = ""
T = TypeVar("T")


# --- calls a second ------------------------------------------------------------------------------


async def calls_of_framehound(stage: Stage, a_message: int) -> tuple[float, int]:
    """Post forty clips at once; return the calls a second and the most within any second."""
    places = stage.places()
    async with stage.framehound():
        await stage.replied(await post(next(places), [next(stage.clips)]))
        stage.clarifai.calls.clear()
        posted = [
            await post(next(places), list(islice(stage.clips, a_message)))
            for _ in range(CLIPS // a_message)
        ]
        for message in posted:
            await stage.replied(message)
    return rate(stage.clarifai)


async def calls_of_command(stage: Stage) -> tuple[float, int]:
    """Have ``framehound tag`` tag forty files."""
    home = stage.home()
    settings = stage.settings(home) | {"WORKER_CONCURRENCY": f"{CLIPS}"}
    async with programs.started(settings, home, "tag", *write_clips(stage)) as program:
        if await asyncio.wait_for(program.process.wait(), PATIENCE):
            raise RuntimeError(program.log)
    return rate(stage.clarifai)


async def calls_of_tutorial(stage: Stage) -> tuple[float, int]:
    """Have forty files tagged one after the other."""
    async with stage.bare("tutorial", *write_clips(stage)) as process:
        await asyncio.to_thread(process.wait, PATIENCE)
    return rate(stage.clarifai)


def write_clips(stage: Stage) -> list[str]:
    """Write forty new clips, and count calls from here."""
    stage.clarifai.calls.clear()
    paths = [stage.folder / f"{number}.mp4" for number in range(CLIPS)]
    for path, clip in zip(paths, stage.clips, strict=False):
        path.write_bytes(clip)
    return [str(path) for path in paths]


def rate(clarifai: LoopbackClarifai) -> tuple[float, int]:
    """Return the calls a second, and the most that began within any one second."""
    moments = sorted(call.at for call in clarifai.calls)
    if len(moments) != CLIPS:
        raise RuntimeError(f"{len(moments)} calls for {CLIPS} clips")
    most = max(sum(start <= at < start + 1 for at in moments) for start in moments)
    return (len(moments) - 1) / (moments[-1] - moments[0]), most


# --- what people wait ----------------------------------------------------------------------------


async def wait_for(stage: Stage, clips: Iterator[bytes]) -> float:
    """Return the median of the seconds from posting a clip to its reply."""
    places = stage.places()
    found = []
    for clip in islice(clips, WAITS + 2):
        began = time.perf_counter()
        await stage.replied(await post(next(places), [clip]))
        found.append(time.perf_counter() - began)
    return median(found[2:])  # the first ones pay for what is loaded once


async def waits_of_framehound(stage: Stage) -> float:
    """Measure new clips of a megabyte."""
    async with stage.framehound():
        return await wait_for(stage, new_clips(CLIP_BYTES))


async def waits_of_bare(stage: Stage) -> float:
    """Measure the same by hand."""
    async with stage.bare_bot():
        return await wait_for(stage, new_clips(CLIP_BYTES))


async def reposts(stage: Stage) -> tuple[float, int, int]:
    """Return how long a repost waits, and how often it was downloaded and Clarifai was asked."""
    clip = next(new_clips(CLIP_BYTES))
    async with stage.framehound():
        await stage.replied(await post(next(stage.places()), [clip]))
        stage.clarifai.calls.clear()
        before = downloaded(stage)
        wait = await wait_for(stage, iter([clip] * (WAITS + 2)))
    return wait, (downloaded(stage) - before) // (WAITS + 2), len(stage.clarifai.calls)


def downloaded(stage: Stage) -> int:
    """Count how often anything was downloaded."""
    return sum(attachment.downloads for attachment in stage.discord.world.attachments.values())


# --- what the bot itself needs -------------------------------------------------------------------


async def listening(stage: Stage, process: psutil.Process) -> float:
    """Return the messages without a clip that a core hears in a second."""
    places = stage.places()
    before = cpu(process)
    for _ in range(MESSAGES):
        channel, person = next(places)
        await person.post(channel, "nothing to see here")
        await asyncio.sleep(0)
    await idle(process)
    return MESSAGES / (cpu(process) - before)


async def idle(process: psutil.Process) -> None:
    """Wait until a process has nothing left to do."""
    used = -1.0
    while cpu(process) - used > 0.1:  # noqa: PLR2004 - of a second a core had
        used = cpu(process)
        await asyncio.sleep(1)


def cpu(process: psutil.Process) -> float:
    """Return the seconds of a core it used so far, without its children."""
    times = process.cpu_times()
    return float(times.user + times.system)


async def quiet(stage: Stage, process: psutil.Process) -> dict[str, float]:
    """Return what an idle bot holds (MB), needed to start, and how many messages it hears."""
    await asyncio.sleep(SETTLED)
    own = process.memory_full_info()
    children = [child.memory_full_info() for child in process.children()]
    started = cpu(process)
    return {
        "MB resident": own.rss / MEGABYTE,
        "MB of its own": own.uss / MEGABYTE,
        "children": float(len(children)),
        "MB of theirs": sum(child.uss for child in children) / MEGABYTE,
        "CPU s to start": started,
        "messages heard a second, on one core": await listening(stage, process),
    }


async def quiet_framehound(stage: Stage) -> dict[str, float]:
    """Look at Framehound."""
    async with stage.framehound() as process:
        return await quiet(stage, process)


async def quiet_bare(stage: Stage) -> dict[str, float]:
    """Look at discord.py as it comes."""
    async with stage.bare_bot() as process:
        return await quiet(stage, process)


# --- the report ----------------------------------------------------------------------------------


async def repeated(runs: int, what: str, doing: Callable[[], Awaitable[T]]) -> list[T]:
    """Do something several times, one after the other."""
    found = []
    for run in range(1, runs + 1):
        found.append(await doing())
        print(f"{what}, run {run}: {found[-1]}", flush=True)
    return found


async def report_calls(stage: Stage, runs: int) -> list[str]:
    """Tell how many calls a second are made."""
    ways: dict[str, Callable[[], Awaitable[tuple[float, int]]]] = {
        f"{CLIPS} clips, {many} a message": partial(calls_of_framehound, stage, many)
        for many in (CLIPS_A_MESSAGE, 1)
    }
    ways[f"`framehound tag` with {CLIPS} files"] = partial(calls_of_command, stage)
    ways["the tutorial's loop: one clip after the other"] = partial(calls_of_tutorial, stage)
    rows = []
    for name, doing in ways.items():
        found = await repeated(runs, name, doing)
        rate = median(rate for rate, _ in found)
        most = max(most for _, most in found)
        rows.append((name, f"{rate:.1f}", f"{rate / ALLOWED:.0%}", f"{most}"))
    share = f"of {ALLOWED}"
    return table(("calls to Clarifai", "a second", share, "most within a second"), rows)


async def report_waits(stage: Stage, runs: int) -> list[str]:
    """Tell what people wait from posting to the reply."""
    ours, hand, again = [], [], []
    for _ in range(runs):  # in turn, so that a busy moment of the machine meets both
        ours += await repeated(1, "wait", partial(waits_of_framehound, stage))
        hand += await repeated(1, "wait by hand", partial(waits_of_bare, stage))
        again += await repeated(1, "repost", partial(reposts, stage))
    by_hand = median(hand)
    repost = median(wait for wait, *_ in again)
    rows = [
        ("the same calls by hand", f"{by_hand:.3f}", "1.00", "1", "1"),
        ("Framehound", f"{median(ours):.3f}", f"{median(ours) / by_hand:.2f}", "1", "1"),
        ("a repost", f"{repost:.3f}", f"{repost / by_hand:.2f}", *map(str, again[0][1:])),
    ]
    head = ("posting 1 MB to the reply", "seconds", "by hand = 1", "downloads", "calls")
    return table(head, rows)


async def report_downloads(stage: Stage, runs: int) -> list[str]:
    """Tell what a download takes."""
    rows = []
    for way, name in (("fetch", "Framehound, with its fingerprint"), ("read", "`await read()`")):
        found = await repeated(runs, name, partial(downloads.measure, way, stage.folder))
        seconds, used, grown = (median(f[key] for f in found) for key in found[0])
        size = downloads.BYTES / MEGABYTE
        rows.append(
            (name, f"{size / seconds:.0f}", f"{size / used:.0f}", f"{grown / MEGABYTE:.0f}")
        )
    return table(("500 MB over loopback", "MB/s", "MB a CPU second", "MB grown"), rows)


async def report_needs(stage: Stage, runs: int) -> list[str]:
    """Tell what a bot needs that has nothing to tag."""
    ours = await repeated(runs, "idle", partial(quiet_framehound, stage))
    hand = await repeated(runs, "idle, bare", partial(quiet_bare, stage))
    rows = []
    for what in ours[0]:
        mine, bare = (median(run[what] for run in found) for found in (ours, hand))
        ratio = f"{mine / bare:.2f}" if bare else ""
        rows.append((what, _figure(mine), _figure(bare), ratio))
    return table(("nothing to tag", "Framehound", "bare `AutoShardedBot`", "ratio"), rows)


def _figure(number: float) -> str:
    return f"{number:.1f}" if number < 1000 else f"{number:.0f}"  # noqa: PLR2004 - or too long


async def main(runs: int) -> None:
    """Measure everything, print it and write it down."""
    with tempfile.TemporaryDirectory() as folder:
        async with opened(Path(folder)) as stage:
            sections = [
                await part(stage, runs)
                for part in (report_calls, report_waits, report_downloads, report_needs)
            ]
    how = f"on {os.cpu_count()} cores, medians of {runs} runs; Clarifai is a stand-in that takes"
    lines = [
        "## The way through Clarifai",
        "",
        f"`python benchmarks/throughput.py` {how} {LATENCY * 1000:.0f} ms.",
    ]
    for section in sections:
        lines += ["", *section]
    print("\n".join(lines))
    write_section("throughput", [*lines, "", NOTES])


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--runs", type=int, default=3)
    asyncio.run(main(parser.parse_args().runs))
