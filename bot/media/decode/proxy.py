"""Proxies: a clip as one small picture for each sampled second, made in a sandboxed child.

A proxy plays a picture a second, so that whoever takes one picture a second of it, at a second's
start or in its middle, gets each of them once and in order.
"""

from __future__ import annotations

import asyncio
import stat
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bot.errors import Damaged, DiskFull
from bot.media.scratch_dir import scratch_dir

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from bot.domain.clip import ClipFile
    from bot.media.sandbox.pool import Sandbox

TASK = "bot.media.decode.proxy_child:make"
THUMBNAILS = "bot.media.decode.proxy_child:thumbnails"
# Seconds to decode in: as the local tagger has for ten minutes, or a third of the clip's length.
_MAX_SECONDS = 300.0
_MAX_SECONDS_PER_SECOND = 1 / 3
_MAX_THUMBNAIL_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Plan:
    """Which seconds are shown: every ``step``-th, so many ``pictures`` in each of the parts."""

    seconds: int
    step: int
    pictures: tuple[int, ...]

    @classmethod
    def parts(cls, seconds: int, most: int) -> Plan:
        """Show every second, in parts of at most so many."""
        whole, rest = divmod(seconds, most)
        return cls(seconds, 1, (most,) * whole + ((rest,) if rest else ()))

    @classmethod
    def wider(cls, seconds: int, most: int) -> Plan:
        """Show seconds at equal distances, so that there are at most so many."""
        step = -(-seconds // most)
        return cls(seconds, step, (-(-seconds // step),))


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a proxy: an MP4 file of so many bytes with a picture for each of its seconds."""

    path: Path
    size: int
    pictures: int


class ProxyMaker:
    """Makes proxies, one at a time: the other children stay free for clips that take less work.

    ``folder`` is where they lie as long as they are needed.
    """

    def __init__(self, sandbox: Sandbox, folder: Path) -> None:
        self._sandbox = sandbox
        self._folder = folder
        self._turn = asyncio.Lock()

    @asynccontextmanager
    async def made(
        self, clip: ClipFile, plan: Plan, max_bytes: int, on_picture: Callable[[int], None]
    ) -> AsyncIterator[list[Part]]:
        """Make the parts of a proxy, of at most ``max_bytes`` each; gone afterwards.

        ``on_picture`` hears how many pictures are made. Raises ``Damaged``, ``TooSlow`` or
        ``DiskFull``.
        """
        async with scratch_dir(self._folder) as folder:
            request = {
                "path": str(clip.path.absolute()),
                "format": clip.info.format.value,
                "seconds": plan.seconds,
                "step": plan.step,
                "pictures": plan.pictures,
                "most_bytes": max_bytes,
                "into": str(folder.absolute()),
            }
            async with self._turn:
                answer = await self._sandbox.run(
                    TASK,
                    request,
                    seconds=max(_MAX_SECONDS, clip.info.duration / 1000 * _MAX_SECONDS_PER_SECOND),
                    on_progress=lambda said: on_picture(_count(said, sum(plan.pictures))),
                    stage="decode",
                )
            if answer != "made":
                raise DiskFull(detail=f"{folder}: no room for a proxy")
            yield await asyncio.to_thread(_parts, folder, plan, max_bytes)

    async def thumbnails(self, parts: list[Part], plan: Plan, places: list[int]) -> Any:
        """Return the clip's pictures at these places, counted through all parts, as a child says.

        That is ``[second, JPEG in base64]`` for each, if it is honest.
        """
        asked, first = [], 0
        for part in parts:
            within = [place for place in places if first <= place < first + part.pictures]
            wanted = [(place - first, place * plan.step) for place in within]
            asked.append((str(part.path.absolute()), wanted))
            first += part.pictures
        return await self._sandbox.run(
            THUMBNAILS, {"parts": asked}, seconds=_MAX_THUMBNAIL_SECONDS, stage="decode"
        )


def _count(said: Any, most: int) -> int:
    """Return how many pictures a child says are made; one that was taken over may say anything."""
    if isinstance(said, int) and 0 <= said <= most:
        return said
    raise Damaged(detail=f"the child counts nonsense: {said!r}")


def _parts(folder: Path, plan: Plan, max_bytes: int) -> list[Part]:
    paths = [folder / f"{number}.mp4" for number in range(len(plan.pictures))]
    return [
        Part(path, _size(path, max_bytes), pictures)
        for path, pictures in zip(paths, plan.pictures, strict=True)
    ]


def _size(path: Path, most: int) -> int:
    """Return a part's size; believe no child that it is a file, no link and not endless."""
    try:
        found = path.lstat()
    except OSError as error:
        raise Damaged(detail=f"the child made no {path.name}") from error
    plain = stat.S_ISREG(found.st_mode) and found.st_nlink == 1
    if not plain or not 0 < found.st_size <= most:
        raise Damaged(detail=f"the child made {path.name} of {found.st_size} bytes, {found}")
    return found.st_size
