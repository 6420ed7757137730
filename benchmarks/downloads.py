"""Measure downloading half a gigabyte: in one read, and as Framehound does.

``python benchmarks/downloads.py WAY SMALL LARGE FILE`` is what ``measure`` starts: it downloads a
small link so that everything is loaded, then a large one, and prints what that took.
"""

from __future__ import annotations

import asyncio
import json
import resource
import sys
import time
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import aiohttp
from yarl import URL

sys.path.insert(0, str(Path(__file__).parent.parent))

from bot.domain.progress import ignore_progress
from bot.media.fetch.download import Fetcher

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

BYTES = 500_000_000
_BLOCK = bytes(range(256)) * 4096


async def measure(way: str, folder: Path) -> dict[str, float]:
    """Return ``seconds``, ``cpu`` seconds and bytes ``grown`` of a process that downloads."""
    async with _serving() as port:
        links = [f"http://127.0.0.1:{port}/{size}" for size in (1000, BYTES)]
        arguments = (sys.executable, __file__, way, *links, str(folder / "download"))
        process = await asyncio.create_subprocess_exec(*arguments, stdout=asyncio.subprocess.PIPE)
        printed, _ = await process.communicate()
    return dict(json.loads(printed))


@asynccontextmanager
async def _serving() -> AsyncIterator[int]:
    """Serve links of any number of bytes, from a separate process."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, __file__, "serve"), stdout=asyncio.subprocess.PIPE
    )
    if process.stdout is None:
        raise RuntimeError("no pipe")
    try:
        yield int(await process.stdout.readline())
    finally:
        process.kill()
        await process.wait()


async def _serve() -> None:
    async with await asyncio.start_server(_answer, "127.0.0.1", 0) as server:
        print(server.sockets[0].getsockname()[1], flush=True)
        await server.serve_forever()


async def _answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Write with as little Python as possible, as this side is not measured."""
    head = await reader.readuntil(b"\r\n\r\n")
    left = int(head.split(b" ")[1].strip(b"/"))
    writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % left)
    while left > 0:
        writer.write(_BLOCK[:left])
        left -= len(_BLOCK)
        await writer.drain()
    writer.close()


async def _read(link: str, into: Path) -> None:
    async with aiohttp.ClientSession() as session, session.get(link) as answer:
        into.write_bytes(await answer.read())  # noqa: ASYNC240 - as one does


async def _fetch(link: str, into: Path) -> None:
    url = URL(link)
    async with Fetcher({(str(url.host), int(url.port or 0))}) as fetcher:
        await fetcher.fetch(link, into, 10**10, ignore_progress)


def _measured(way: str, small: str, large: str, into: Path) -> dict[str, float]:
    download = {"read": _read, "fetch": _fetch}[way]
    asyncio.run(download(small, into))
    before, began = resource.getrusage(resource.RUSAGE_SELF), time.perf_counter()
    asyncio.run(download(large, into))
    after, seconds = resource.getrusage(resource.RUSAGE_SELF), time.perf_counter() - began
    return {
        "seconds": seconds,
        "cpu": after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime,
        "grown": (after.ru_maxrss - before.ru_maxrss) * 1024,
    }


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["serve"]:
            asyncio.run(_serve())
        case [chosen, one, other, target]:
            print(json.dumps(_measured(chosen, one, other, Path(target))))
        case _:
            sys.exit(__doc__)
