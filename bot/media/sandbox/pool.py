"""A pool of confined child processes that open untrusted files.

A decoder that reads a hostile file may crash, hang, use up all memory or run the attacker's code.
So no decoder runs in the bot's own process: a few warm children run the tasks. Each child is
confined (``limits``, ``seccomp``) and killed if its task takes too long. A child that did anything
other than finish its task is replaced.
"""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from typing import TYPE_CHECKING, Any, Self

from bot.errors import Damaged
from bot.media.sandbox.limits import SandboxLimits
from bot.media.sandbox.process import Call, ChildProcess, DiedIdleError, SandboxFault
from bot.media.sandbox.spawn import ChildSettings

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
    from pathlib import Path

__all__ = ["Sandbox", "SandboxFault", "SandboxLimits"]

ATTEMPTS = 3  # children to try before giving up on starting a task


class Sandbox:
    """A pool of warm child processes; use it as ``async with``.

    Each task gets a temporary folder of its own under ``folder``. Every child imports the ``warm``
    modules before its first task. A task is a function whose full name begins with ``prefix``.
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
        self._slots = asyncio.Semaphore(workers)
        self._closed = False
        self._idle: list[ChildProcess] = []
        self._children: set[ChildProcess] = set()
        self._cleanups: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        """Start the children; they warm up in the background."""
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
            await self._slots.acquire()  # every call in progress has failed and released its slot
        await asyncio.gather(*(child.end() for child in self._children), *self._cleanups)
        for _ in range(self._workers):
            self._slots.release()  # a later call gets an error instead of waiting

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
        """Run ``task`` (``module:function``) in a child, as ``function(request, parent)``.

        ``request``, the returned value, the values given to ``parent()`` (passed to
        ``on_progress``) and to ``parent.ask()`` (answered by ``on_question``) are JSON. The call
        waits for a free child; ``seconds`` count from the moment the child begins. The task's
        working folder, also used for temporary files, is removed afterwards. Cancelling the call
        kills the child.

        Raises the task's own ``ClipError`` or ``TaggerError``; ``Damaged`` if the task raised
        anything else, ran out of memory or crashed the child; ``TooSlow`` (with ``stage``) after
        ``seconds``; ``SandboxFault`` if no child could begin.
        """
        if not task.startswith(self._prefix):
            raise ValueError(f"{task} is not a task under {self._prefix}")
        listeners = (on_progress or _ignore, on_question or _refuse_question)
        call = Call(task, dict(request), seconds, stage, *listeners)
        async with self._slots:
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
        raise SandboxFault(f"{ATTEMPTS} children in a row died before starting the task")

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

    async def _finish(self, cleanup: Coroutine[Any, Any, None]) -> None:
        """Wait for a clean-up, which goes on even if the waiting task is cancelled."""
        task = asyncio.create_task(cleanup)
        self._cleanups.add(task)
        task.add_done_callback(self._cleanups.discard)
        await asyncio.shield(task)


def _ignore(_value: Any) -> None:
    """Ignore a task's progress."""


async def _refuse_question(_value: Any) -> Any:
    """Refuse a question that the task has no business asking."""
    raise Damaged(detail="the child asked an unexpected question")
