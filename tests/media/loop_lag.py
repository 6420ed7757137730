"""How late an event loop runs what is due while clips are tagged."""

from __future__ import annotations

import asyncio
import gc
import sys
import time
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from bot.domain.clip import Clip
from bot.domain.tagging import TagRequest
from bot.errors import ClipError
from tests.media.hostile_clips import HEADS, MEGABYTE, corpus
from tests.media.made_clips import gif

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Collection
    from pathlib import Path

    from bot.services.tag_clip import ClipTagger

NAP = 0.01  # seconds
CORPUS = corpus()


@dataclass(slots=True)
class Lags:
    """How late each nap ended, and the CPU time of the loop's thread meanwhile, in seconds."""

    late: list[float] = field(default_factory=list)
    computed: list[float] = field(default_factory=list)

    def at(self, share: float) -> float:
        """Return the lag not exceeded for this share of all time.

        The share is of all time, not of all naps: blocking the loop for a second delays one nap.
        """
        left = share * sum(NAP + late for late in self.late)
        for late in sorted(self.late):
            left -= NAP + late
            if left <= 0:
                return late
        return max(self.late, default=0.0)


@asynccontextmanager
async def napping() -> AsyncIterator[Lags]:
    """Take naps while the block runs, and measure each."""
    lags = Lags()
    gc.collect()
    gc.freeze()  # so that collections don't walk through what other tests left
    napper = asyncio.create_task(_nap(lags))
    try:
        yield lags
    finally:
        napper.cancel()
        with suppress(asyncio.CancelledError):
            await napper
        gc.unfreeze()


async def _nap(lags: Lags) -> None:
    loop = asyncio.get_running_loop()
    while True:
        due, used = loop.time() + NAP, time.thread_time()
        await asyncio.sleep(NAP)
        lags.late.append(max(0.0, loop.time() - due))
        lags.computed.append(time.thread_time() - used)


def write_clips(
    folder: Path, *, long_seconds: int, megabytes: int, hostile: Collection[str] = CORPUS
) -> list[str]:
    """Write hostile files, a long clip and a big one; return their names."""
    half = round(long_seconds * 50)
    files = {f"{number}.mp4": CORPUS[name].make() for number, name in enumerate(hostile)}
    files["long.gif"] = gif([half, half])
    files["big.mp4"] = HEADS["MP4"] + bytes(megabytes * MEGABYTE)
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return list(files)


@asynccontextmanager
async def hosted(folder: Path) -> AsyncIterator[tuple[str, int]]:
    """Serve a folder on loopback from another process, so that this loop does no serving."""
    command = ("-u", "-m", "http.server", "0", "--bind", "127.0.0.1", "--directory", str(folder))
    server = await asyncio.create_subprocess_exec(
        sys.executable,
        *command,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    assert server.stdout is not None
    greeting = (await server.stdout.readline()).decode()  # Serving HTTP on 127.0.0.1 port 4711 (…
    try:
        yield "127.0.0.1", int(greeting.split(" port ")[1].split()[0])
    finally:
        server.kill()
        await server.communicate()


async def tag_all(clip_tagger: ClipTagger, host: tuple[str, int], names: list[str]) -> int:
    """Download and tag files all at once; return how many of them were tagged."""
    return sum(await asyncio.gather(*(_tag(clip_tagger, host, name) for name in names)))


async def _tag(clip_tagger: ClipTagger, host: tuple[str, int], name: str) -> bool:
    link = "http://{}:{}/{}".format(*host, name)
    try:
        await clip_tagger.tag_link(TagRequest(Clip(name, link)))
    except ClipError:
        return False
    return True
