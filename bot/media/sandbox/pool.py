"""Child processes in which strangers' files are opened.

A decoder reading a hostile file may crash, hang, eat all memory, or obey the file. So none runs in
the bot's own process: a few warm children take the tasks, each confined (``limits``)
and killed when its clip takes too long. A child that did anything but finish its task is replaced.
"""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from typing import TYPE_CHECKING, Any, Self

from bot.errors import Damaged
from bot.media.sandbox.limits import SandboxLimits
from bot.media.sandbox.process import (
    Call,
    ChildProcess,
    ChildSettings,
    DiedIdleError,
    SandboxFault,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
    from pathlib import Path

__all__ = ["Sandbox", "SandboxFault", "SandboxLimits"]

ATTEMPTS = 3  # children to try before we believe that none can begin


class Sandbox:
    """A few warm child processes; use as ``async with``.

    ``folder`` is where each task gets a folder of its own, removed after it. ``warm`` names modules
    every child imports before its first task. Tasks are functions whose full name begins with
    ``prefix``.
    """

    def __init__(
        self,
        *,
        workers: int,
        folder: Path,
        limits: SandboxLimits | None = None,
        warm: Sequence[str] = (),
        prefix: str = "bot.",
    ) -> None:
        self._workers = workers
        self._folder = folder.absolute()
        self._settings = ChildSettings(self._folder, limits or SandboxLimits(), tuple(warm))
        self._prefix = prefix
        self._turns = asyncio.Semaphore(workers)
        self._closed = False
        self._idle: list[ChildProcess] = []
        self._children: set[ChildProcess] = set()
        self._chores: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        """Start the children; they warm up while others go on."""
        await asyncio.to_thread(self._folder.mkdir, mode=0o700, parents=True, exist_ok=True)
        for _ in range(self._workers):
            self._start_child()
        return self

    async def __aexit__(self, *_exc: object) -> None:
        """Kill every child, busy or not, and wait until all are gone."""
        self._closed = True
        for child in self._children:
            child.kill()
        for _ in range(self._workers):
            await self._turns.acquire()  # every call in progress has failed and let go
        await asyncio.gather(*(child.end() for child in self._children), *self._chores)
        for _ in range(self._workers):
            self._turns.release()  # whoever comes too late is told so

    async def run(
        self,
        task: str,
        request: Mapping[str, Any],
        *,
        seconds: float,
        on_progress: Callable[[Any], None] | None = None,
        on_question: Callable[[Any], Awaitable[Any]] | None = None,
        stage: str = "open",
    ) -> Any:
        """Have a child call ``task`` (``module:function``) as ``function(request, report)``.

        ``request``, what ``report`` is given (handed to ``on_progress``), what it is asked
        (``report.ask``, answered by ``on_question``) and the value returned are JSON. The call
        waits its turn for a free child; ``seconds`` count from when the child begins. Its working
        folder, also its place for temporary files, is removed afterwards. Cancelling the call
        kills the child.

        Raises what the task raised if that is a ``ClipError`` or ``TaggerError``; ``Damaged`` when
        it raised anything else, ran out of memory or brought the child down; ``TooSlow`` (with
        ``stage``) when time was over; ``SandboxFault`` when no child could begin.
        """
        if not task.startswith(self._prefix):
            raise ValueError(f"{task} is not a task below {self._prefix}")
        listeners = (on_progress or _ignore, on_question or _nobody_answers)
        call = Call(task, dict(request), seconds, stage, *listeners)
        async with self._turns:
            folder = await asyncio.to_thread(tempfile.mkdtemp, prefix="task-", dir=self._folder)
            try:
                return await self._serve(call, folder)
            finally:
                await self._finish(asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True))

    async def _serve(self, call: Call, folder: str) -> Any:
        for _ in range(ATTEMPTS):
            child = self._take_child()
            try:
                return await child.call(call, folder)
            except DiedIdleError:
                continue
            finally:
                await self._give_back(child)
        raise SandboxFault("one child after the other died before it began")

    def _start_child(self) -> None:
        child = ChildProcess(self._settings)
        self._children.add(child)
        self._idle.append(child)

    def _take_child(self) -> ChildProcess:
        if self._closed or not self._idle:
            raise SandboxFault("the sandbox is closed")
        return self._idle.pop()

    async def _give_back(self, child: ChildProcess) -> None:
        if child.usable:
            self._idle.append(child)
            return
        self._children.discard(child)
        if not self._closed:
            self._start_child()
        await self._finish(child.end())

    async def _finish(self, chore: Coroutine[Any, Any, None]) -> None:
        """Wait for what must be done even if nobody waits any longer."""
        task = asyncio.create_task(chore)
        self._chores.add(task)
        task.add_done_callback(self._chores.discard)
        await asyncio.shield(task)


def _ignore(_value: Any) -> None:
    """Take no interest in progress."""


async def _nobody_answers(_value: Any) -> Any:
    """Take a question nobody expected for what it is: the child does what it was not told."""
    raise Damaged(detail="the child asked where nobody answers")
