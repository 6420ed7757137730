"""Ways of tagging through Clarifai, each measured once: ours, and the same calls by hand."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from itertools import islice, repeat
from statistics import median
from typing import TYPE_CHECKING

from stage import PATIENCE, Stage, new_clips, post

from tests.processes import programs

if TYPE_CHECKING:
    from collections.abc import Iterator

    import psutil  # type: ignore[import-untyped]  # its stubs are a package of their own

    from tests.stand_ins.clarifai import LoopbackClarifai

CLIPS, CLIPS_A_MESSAGE = 40, 10
WAITS = 12  # clips whose wait is measured, in each run
MESSAGES = 5000  # without a clip
CLIP_BYTES = 1_000_000
SETTLED = 8.0  # seconds until a connected bot is idle
MEGABYTE = 1_000_000


# --- calls per second ----------------------------------------------------------------------------


async def calls_of_framehound(stage: Stage, a_message: int) -> tuple[float, int]:
    """Post forty clips at once; return the average and the highest calls per second."""
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
    """Tag forty files one after the other."""
    async with stage.bare("tutorial", *write_clips(stage)) as process:
        await asyncio.to_thread(process.wait, PATIENCE)
    return rate(stage.clarifai)


def write_clips(stage: Stage) -> list[str]:
    """Write forty new clips, and start counting calls."""
    stage.clarifai.calls.clear()
    paths = [stage.folder / f"{number}.mp4" for number in range(CLIPS)]
    for path, clip in zip(paths, stage.clips, strict=False):
        path.write_bytes(clip)
    return [str(path) for path in paths]


def rate(clarifai: LoopbackClarifai) -> tuple[float, int]:
    """Return the calls per second, and the most that began within any second."""
    moments = sorted(call.at for call in clarifai.calls)
    if len(moments) != CLIPS:
        raise RuntimeError(f"{len(moments)} calls for {CLIPS} clips")
    most = max(sum(start <= at < start + 1 for at in moments) for start in moments)
    return (len(moments) - 1) / (moments[-1] - moments[0]), most


# --- waiting times -------------------------------------------------------------------------------


@dataclass(frozen=True)
class Waits:
    """From posting to the reply: median seconds, and milliseconds of CPU time per clip.

    ``downloads`` and ``calls`` count downloads and requests to Clarifai per clip.
    """

    seconds: float
    cpu: float
    downloads: float
    calls: float


async def waits(stage: Stage, process: psutil.Process, clips: Iterator[bytes]) -> Waits:
    """Post one clip after the other and wait for each reply."""
    places = stage.places()
    for clip in islice(clips, 2):  # these load everything that is loaded once
        await stage.replied(await post(next(places), [clip]))
    used, loaded, called = cpu(process), downloaded(stage), len(stage.clarifai.calls)
    found = []
    for clip in islice(clips, WAITS):
        began = time.perf_counter()
        await stage.replied(await post(next(places), [clip]))
        found.append(time.perf_counter() - began)
    return Waits(
        median(found),
        (cpu(process) - used) / WAITS * 1000,
        (downloaded(stage) - loaded) / WAITS,
        (len(stage.clarifai.calls) - called) / WAITS,
    )


async def waits_of_framehound(stage: Stage) -> Waits:
    """Measure new clips of one megabyte."""
    async with stage.framehound() as process:
        return await waits(stage, process, new_clips(CLIP_BYTES))


async def waits_of_reposts(stage: Stage) -> Waits:
    """Measure a clip that is posted again and again."""
    async with stage.framehound() as process:
        return await waits(stage, process, repeat(next(new_clips(CLIP_BYTES))))


async def waits_by_hand(stage: Stage) -> Waits:
    """Measure new clips with the same calls made by hand."""
    async with stage.bare_bot() as process:
        return await waits(stage, process, new_clips(CLIP_BYTES))


def downloaded(stage: Stage) -> int:
    """Count the downloads."""
    return sum(attachment.downloads for attachment in stage.discord.state.attachments.values())


# --- resources of an idle bot --------------------------------------------------------------------


async def listening(stage: Stage, process: psutil.Process) -> float:
    """Return how many messages without a clip one core handles per second."""
    places = stage.places()
    before = cpu(process)
    for _ in range(MESSAGES):
        channel, person = next(places)
        await person.post(channel, "nothing to see here")
        await asyncio.sleep(0)
    await idle(process)
    return MESSAGES / (cpu(process) - before)


async def idle(process: psutil.Process) -> None:
    """Wait until a process is idle."""
    used = -1.0
    while cpu(process) - used > 0.1:  # noqa: PLR2004 - of a second a core had
        used = cpu(process)
        await asyncio.sleep(1)


def cpu(process: psutil.Process) -> float:
    """Return the CPU seconds used so far, without children."""
    times = process.cpu_times()
    return float(times.user + times.system)


async def quiet(stage: Stage, process: psutil.Process) -> dict[str, float]:
    """Return an idle bot's memory (MB), start-up time, and messages handled per second."""
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
    """Measure Framehound."""
    async with stage.framehound() as process:
        return await quiet(stage, process)


async def quiet_bare(stage: Stage) -> dict[str, float]:
    """Measure plain discord.py."""
    async with stage.bare_bot() as process:
        return await quiet(stage, process)
