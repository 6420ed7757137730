"""A pool of confined child processes that open untrusted files.

A decoder that reads a hostile file may crash, hang, use up all memory or run the attacker's code.
So no decoder runs in the bot's own process. A few children are fork servers, with all modules
loaded, and fork a process for every task. It is confined (``limits``, ``landlock``, ``seccomp``),
and killed if the task takes too long.
"""

from __future__ import annotations

import asyncio
import math
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Self

from bot.errors import Damaged, TooLargePicture
from bot.media.sandbox.confinement import Confinement
from bot.media.sandbox.limits import SandboxLimits
from bot.media.sandbox.process import (
    Call,
    ChildProcess,
    DiedIdleError,
    OutOfMemoryError,
    SandboxFault,
)
from bot.media.sandbox.spawn import ChildSettings
from bot.media.sandbox.task_folder import TaskFolder
from bot.runtime.fair_slots import FairSlots

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping, Sequence
    from pathlib import Path

__all__ = ["Sandbox", "SandboxFault", "SandboxLimits"]

ATTEMPTS = 3  # children to try before giving up on starting a task
MODULES = (
    "bot.media.decode.hash_child",
    "bot.media.decode.probe_child",
    "bot.media.decode.proxy_child",
    "bot.taggers.local.child",
    "bot.taggers.vision.child",
)
"""The modules of the tasks that open clips."""


class Sandbox:
    """A pool of child processes, one of which is always warm; use it as ``async with``.

    Children have folders of their own under ``folder``. Every child imports ``modules``, in which
    its tasks must be. Besides the program's own files, a task may read ``readable``, such as
    models. If there are several children, one owner never holds them all.
    """

    def __init__(
        self,
        *,
        workers: int,
        folder: Path,
        limits: SandboxLimits | None = None,
        modules: Sequence[str] = MODULES,
        readable: Sequence[Path] = (),
    ) -> None:
        self._workers = workers
        self._folder = folder.absolute()
        limits = limits or SandboxLimits()
        self._settings = ChildSettings(self._folder, limits, tuple(modules), tuple(readable))
        # A hostile clip can hold its child for minutes; the clips of others need not wait for it.
        others = max(1, workers - 1)
        self._slots = FairSlots(workers, per_owner=others)
        # One clip with very large pictures at a time, which takes the slots that its memory is
        # worth and leaves one to others.
        self._large = FairSlots(1, per_owner=1)
        self._large_slots = min(others, math.ceil(limits.memory_large / limits.memory))
        self._closed = False
        self._idle: list[ChildProcess] = []
        self._children: set[ChildProcess] = set()
        self._cleanups: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        """Start one child, which warms up in the background; others start when they are needed."""
        await asyncio.to_thread(self._folder.mkdir, mode=0o700, parents=True, exist_ok=True)
        self._idle.append(self._new_child())
        return self

    async def __aexit__(self, *_exc: object) -> None:
        """Kill every child, busy or not, and wait until all are gone."""
        self._closed = True
        for child in self._children:
            child.kill()
        async with self._several_slots(
            self._workers
        ):  # until every call has failed and released its slot
            await asyncio.gather(*(child.end() for child in self._children), *self._cleanups)

    async def run(  # noqa: PLR0913 - what a task may have, all but two optional
        self,
        task: str,
        request: Mapping[str, Any],
        *,
        seconds: float,
        files: Sequence[Path] = (),
        results: Path | None = None,
        outputs: Sequence[str] = (),
        on_progress: Callable[[Any], None] | None = None,
        on_question: Callable[[Any, Path], Awaitable[Any]] | None = None,
        stage: str = "open",
        owner: str = "",
    ) -> Any:
        """Run ``task`` (``module:function``) in a child, as ``function(request, parent)``.

        ``request``, the returned value, the values given to ``parent()`` (passed to
        ``on_progress``) and to ``parent.ask()`` (answered by ``on_question``) are JSON. The task
        finds its ``files`` at the paths in ``request["files"]`` and can only read them. It can
        write the files named ``outputs`` in its working folder, which are there already and are
        moved into the folder ``results`` afterwards; it can make no others.
        Files for an answer go into the folder that ``on_question`` is given.

        The call waits for a free child, which the owners share fairly; ``seconds`` count from the
        moment the child begins.
        Cancelling the call kills the child.

        Raises the task's own ``ClipError`` or ``TaggerError``; ``NotFound`` without such a file;
        ``DiskFull``; ``TooLargePicture`` if the task ran out of memory, also with all the memory
        that large pictures may have; ``Damaged`` if it raised anything else or crashed the child;
        ``TooSlow`` (with ``stage``) after ``seconds``; ``SandboxFault`` if no child could begin.
        """
        if task.partition(":")[0] not in self._settings.modules:
            raise ValueError(f"{task} is not a task of this sandbox")
        listeners = (on_progress or _ignore, on_question or _refuse_question)
        call = Call(
            task, dict(request), tuple(files), results, tuple(outputs), seconds, stage, *listeners
        )
        try:
            async with self._slots.held(owner):
                return await self._serve(call)
        except OutOfMemoryError:
            return await self._run_large(call, owner)

    async def _run_large(self, call: Call, owner: str) -> Any:
        """Run a task that needs much memory, one at a time."""
        limits = self._settings.limits
        call = replace(call, large=True, seconds=min(call.seconds, limits.seconds_large))
        try:
            async with self._several_slots(self._large_slots, owner):
                return await self._serve(call)
        except OutOfMemoryError as error:
            raise TooLargePicture(reason="memory", detail=str(error)) from error

    @asynccontextmanager
    async def _several_slots(self, count: int, owner: str = "") -> AsyncIterator[None]:
        """Hold several slots; one call at a time, as two would wait for each other."""
        async with self._large.held(owner), AsyncExitStack() as stack:
            for _ in range(count):
                await stack.enter_async_context(self._slots.held(owner))
            yield

    async def confinement(self) -> Confinement:
        """Return what confines the children, once one has started; raises ``SandboxFault``."""
        async with self._slots.held():
            child = self._take_child()
            try:
                await child.started()
            finally:
                await self._give_back(child)
        return child.confinement or Confinement(0, 0)

    async def _serve(self, call: Call) -> Any:
        for _ in range(ATTEMPTS):
            child = self._take_child()
            try:
                return await self._run(child, call)
            except DiedIdleError:
                continue
            finally:
                await self._give_back(child)
        raise SandboxFault(f"{ATTEMPTS} children in a row died before starting the task")

    async def _run(self, child: ChildProcess, call: Call) -> Any:
        try:
            own = await child.started()
            folder = await asyncio.to_thread(TaskFolder.make, own, call.files, call.outputs)
        except FileNotFoundError:
            child.kill()  # its folder is gone, as after a clean-up of the scratch directory
            raise DiedIdleError from None
        try:
            value = await child.call(call, folder)
            if call.results:
                await asyncio.to_thread(folder.move_outputs, call.outputs, call.results)
        finally:
            await self._finish(asyncio.to_thread(folder.remove))
        return value

    def _new_child(self) -> ChildProcess:
        child = ChildProcess(self._settings)
        self._children.add(child)
        return child

    def _take_child(self) -> ChildProcess:
        """Return an idle child or a new one; the slots bound how many there are."""
        if self._closed:
            raise SandboxFault("the sandbox is closed")
        return self._idle.pop() if self._idle else self._new_child()

    async def _give_back(self, child: ChildProcess) -> None:
        if child.usable:
            self._idle.append(child)
            return
        self._children.discard(child)
        if not self._closed and not self._idle:
            self._idle.append(self._new_child())
        await self._finish(child.end())

    async def _finish(self, cleanup: Coroutine[Any, Any, None]) -> None:
        """Wait for a clean-up, which goes on even if the waiting task is cancelled."""
        task = asyncio.create_task(cleanup)
        self._cleanups.add(task)
        task.add_done_callback(self._cleanups.discard)
        await asyncio.shield(task)


def _ignore(_value: Any) -> None:
    """Ignore a task's progress."""


async def _refuse_question(_value: Any, _folder: Path) -> Any:
    """Refuse a question that the task has no business asking."""
    raise Damaged(detail="the child asked an unexpected question")
