"""Making proxies in a sandboxed child: small MP4 files with one picture per sampled second.

A proxy shows each picture for one second. A service that samples one picture a second, at the start
of a second or in its middle, so gets each of them once and in order.
"""

from __future__ import annotations

import asyncio
import stat
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bot.errors import Damaged, DiskFull
from bot.media.scratch_dir import scratch_dir
from bot.runtime.fair_slots import FairSlots

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from bot.domain.clip import ClipFile
    from bot.media.sandbox.pool import Sandbox

TASK = "bot.media.decode.proxy_child:make"
THUMBNAILS = "bot.media.decode.proxy_child:thumbnails"
# Time limit in seconds: that of the local tagger for ten minutes, or a third of the clip's length.
_MAX_SECONDS = 300.0
_MAX_SECONDS_PER_SECOND = 1 / 3
_MAX_THUMBNAIL_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class ProxyPlan:
    """Which seconds a proxy shows: every ``step``-th; ``pictures`` has the number in each part."""

    seconds: int
    step: int
    pictures: tuple[int, ...]

    @classmethod
    def in_parts(cls, seconds: int, max_pictures: int) -> ProxyPlan:
        """Show every second, in parts of at most ``max_pictures``."""
        whole, rest = divmod(seconds, max_pictures)
        return cls(seconds, 1, (max_pictures,) * whole + ((rest,) if rest else ()))

    @classmethod
    def thinned(cls, seconds: int, max_pictures: int) -> ProxyPlan:
        """Show seconds at equal distances, at most ``max_pictures`` of them."""
        step = -(-seconds // max_pictures)
        return cls(seconds, step, (-(-seconds // step),))


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a proxy: an MP4 file of ``size`` bytes that shows ``pictures``, one a second.

    Those in ``unreadable``, counted from 0, stand for seconds that could not be decoded.
    """

    path: Path
    size: int
    pictures: int
    unreadable: frozenset[int] = frozenset()


@dataclass
class _Shared:
    """A proxy that is being made or used, what removes it, and how many use it."""

    stack: AsyncExitStack
    parts: asyncio.Task[list[Part]]
    users: int = 0

    async def close(self) -> None:
        """Stop making the proxy if it isn't done, and remove it."""
        self.parts.cancel()
        await asyncio.wait([self.parts])
        await self.stack.aclose()


class ProxyMaker:
    """Makes proxies, one at a time, so that the other children stay free for quicker clips.

    The owners of clips take turns.

    Proxies are kept under ``folder`` while they are needed. If several models need the proxy of a
    clip at once, it is made once.
    """

    def __init__(self, sandbox: Sandbox, folder: Path) -> None:
        self._sandbox = sandbox
        self._folder = folder
        self._slots = FairSlots(1, per_owner=1)
        self._shared: dict[tuple[Path, ProxyPlan, int], _Shared] = {}

    @asynccontextmanager
    async def made(
        self, clip: ClipFile, plan: ProxyPlan, max_bytes: int, on_picture: Callable[[int], None]
    ) -> AsyncIterator[list[Part]]:
        """Make the parts of a proxy, at most ``max_bytes`` each; they are removed afterwards.

        ``on_picture`` receives the number of pictures made so far.

        Raises ``Damaged``, ``TooSlow`` or ``DiskFull``.
        """
        key = clip.path, plan, max_bytes
        if key not in self._shared:
            stack = AsyncExitStack()
            making = asyncio.create_task(self._make(stack, clip, plan, max_bytes, on_picture))
            self._shared[key] = _Shared(stack, making)
        shared = self._shared[key]
        shared.users += 1
        try:
            yield await asyncio.shield(shared.parts)
        finally:
            shared.users -= 1
            if not shared.users:
                del self._shared[key]
                await shared.close()

    async def _make(
        self,
        stack: AsyncExitStack,
        clip: ClipFile,
        plan: ProxyPlan,
        max_bytes: int,
        on_picture: Callable[[int], None],
    ) -> list[Part]:
        """Make the parts in a folder that is removed when the stack is closed."""
        folder = await stack.enter_async_context(scratch_dir(self._folder))
        request = {
            "format": clip.info.format.value,
            "seconds": plan.seconds,
            "step": plan.step,
            "pictures": plan.pictures,
            "max_bytes": max_bytes,
        }
        async with self._slots.held(clip.owner):
            answer = await self._sandbox.run(
                TASK,
                request,
                files=[clip.path],
                results=folder,
                outputs=[_name(number) for number in range(len(plan.pictures))],
                seconds=max(_MAX_SECONDS, clip.info.duration / 1000 * _MAX_SECONDS_PER_SECOND),
                on_progress=lambda count: on_picture(_checked_count(count, sum(plan.pictures))),
                stage="decode",
                owner=clip.owner,
            )
        if answer == "full":
            raise DiskFull(detail=f"{folder}: not enough space for a proxy")
        unreadable = _checked_numbers(answer, sum(plan.pictures))
        return await asyncio.to_thread(_parts, folder, plan, max_bytes, unreadable)

    async def thumbnails(
        self, parts: list[Part], plan: ProxyPlan, positions: list[int], owner: str = ""
    ) -> Any:
        """Return the pictures at these positions, counted through all parts.

        The answer comes from a child and is unchecked: ``[second, JPEG in base64]`` for each.
        """
        wanted, first = [], 0
        for part in parts:
            inside = [each for each in positions if first <= each < first + part.pictures]
            wanted.append([(each - first, each * plan.step) for each in inside])
            first += part.pictures
        return await self._sandbox.run(
            THUMBNAILS,
            {"wanted": wanted},
            files=[part.path for part in parts],
            seconds=_MAX_THUMBNAIL_SECONDS,
            stage="decode",
            owner=owner,
        )


def _checked_count(count: Any, limit: int) -> int:
    """Check a number of pictures: a child taken over by an attacker may send anything."""
    if isinstance(count, int) and 0 <= count <= limit:
        return count
    raise Damaged(detail=f"the child sent an invalid count: {count!r}")


def _checked_numbers(answer: Any, limit: int) -> list[int]:
    """Check the numbers of pictures in a child's answer."""
    if not isinstance(answer, list) or len(answer) > limit:
        raise Damaged(detail="the child sent an invalid answer")
    return [_checked_count(number, limit) for number in answer]


def _name(number: int) -> str:
    return f"{number}.mp4"


def _parts(folder: Path, plan: ProxyPlan, max_bytes: int, unreadable: list[int]) -> list[Part]:
    parts, first = [], 0
    for number, pictures in enumerate(plan.pictures):
        path = folder / _name(number)
        inside = frozenset(n - first for n in unreadable if first <= n < first + pictures)
        parts.append(Part(path, _checked_size(path, max_bytes), pictures, inside))
        first += pictures
    return parts


def _checked_size(path: Path, limit: int) -> int:
    """Return a part's size; check that it is a regular file, not a link and not too large."""
    try:
        found = path.lstat()
    except OSError as error:
        raise Damaged(detail=f"the child didn't create {path.name}") from error
    regular = stat.S_ISREG(found.st_mode) and found.st_nlink == 1
    if not regular or not 0 < found.st_size <= limit:
        raise Damaged(
            detail=f"the child created an invalid {path.name} of {found.st_size} bytes: {found}"
        )
    return found.st_size
