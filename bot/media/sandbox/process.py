"""One child process as its parent sees it: start it, give it one task at a time, end it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import shutil
import signal
from dataclasses import dataclass
from enum import Enum, auto
from typing import TYPE_CHECKING, Any

from bot.errors import (
    ClipError,
    Damaged,
    ErrorRecord,
    TaggerError,
    TaggerUnavailable,
    TooLargePicture,
    TooSlow,
)
from bot.media.sandbox import limits
from bot.media.sandbox.confinement import Confinement
from bot.media.sandbox.spawn import ChildFolder, describe_exit, kill_group, spawn

if TYPE_CHECKING:
    from asyncio.subprocess import Process
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from bot.media.sandbox.spawn import ChildSettings
    from bot.media.sandbox.task_folder import TaskFolder

logger = logging.getLogger(__name__)

_MAX_LOGGED = 16_384  # bytes of one child's standard error that are logged
_MAX_LAST_OUTPUT = 2_000  # bytes of it kept to explain why the child died
_KILL_SECONDS = 1.0  # until a killed process is gone


class SandboxFault(TaggerUnavailable):
    """The sandbox itself does not work; this says nothing about the clip."""

    def __init__(self, detail: str) -> None:
        """Take the text for the operator's log."""
        super().__init__(detail=detail)


class OutOfMemoryError(Exception):
    """The task needs more memory than its child may have beside other children."""


class DiedIdleError(Exception):
    """The child died before it began the task, so another child may run it."""


class _EndedError(Exception):
    """The child closed its output."""


class _State(Enum):
    """What a child can do next."""

    READY = auto()  # take a task, perhaps once it has started
    WORKING = auto()
    SPENT = auto()  # nothing: its task went wrong, or it has run as many tasks as it may
    KILLED = auto()


@dataclass(frozen=True, slots=True)
class Call:
    """One task: its name, its request, its time limit, and the stage to name if it is too slow.

    ``files`` are files it may read; those it leaves are moved into ``results``, if there is one.
    ``on_progress`` receives what the task reports. ``on_question`` answers what it asks; it also
    gets a folder for files with the answer. A call that is ``alone`` may have more memory.
    """

    task: str
    request: dict[str, Any]
    files: tuple[Path, ...]
    results: Path | None
    seconds: float
    stage: str
    on_progress: Callable[[Any], None]
    on_question: Callable[[Any, Path], Awaitable[Any]]
    alone: bool = False


class ChildProcess:
    """A child process, its folder and the connection to it."""

    def __init__(self, settings: ChildSettings) -> None:
        """Begin to start the child; needs a running event loop."""
        self._limits = settings.limits
        self._state = _State.READY
        self._served = 0
        self._process: Process | None = None
        self._last_output = b""
        self._logging: asyncio.Task[None] | None = None
        self._folder: ChildFolder | None = None
        self.confinement: Confinement | None = None
        self._starting = asyncio.create_task(self._start(settings))

    @property
    def usable(self) -> bool:
        """Whether the child can take another task."""
        exited = self._process is not None and self._process.returncode is not None
        return self._state is _State.READY and not exited

    async def started(self) -> ChildFolder:
        """Wait until the child is ready; return its folder. Raises ``SandboxFault``."""
        await asyncio.wait({self._starting})  # unlike await, wait does not cancel the start
        return self._starting.result()

    async def call(self, call: Call, folder: TaskFolder) -> Any:
        """Run one task in ``folder`` and return its value; the child must have started.

        The child stays ``usable`` only if the task ended by itself.

        Raises the task's own ``ClipError`` or ``TaggerError``; ``Damaged`` if the task raised
        anything else or crashed the child; ``TooSlow``, ``DiedIdleError`` or ``SandboxFault``; and
        whatever ``on_question`` raises.
        """
        self._state = _State.WORKING
        if call.alone:
            self._allow_memory()
        await self._begin(call, folder)
        try:
            async with asyncio.timeout(call.seconds):
                answer = await self._answer(call, folder)
        except (_EndedError, ConnectionError):
            raise await self._explain_death(call.stage) from None
        except TimeoutError:
            detail = f"{call.task} took longer than {call.seconds:g} s"
            raise TooSlow(stage=call.stage, detail=detail) from None
        return self._finish(answer, call)

    def kill(self) -> None:
        """Kill the child with everything it started; its task raises ``SandboxFault``."""
        self._state = _State.KILLED
        if self._process is not None:
            kill_group(self._process)

    async def end(self) -> None:
        """Kill the child, wait until it is gone and remove its folder; it must not run a task."""
        self.kill()
        await asyncio.gather(self._starting, return_exceptions=True)
        if self._process is not None:
            await self._reap(self._process)
        if self._folder is not None:
            await asyncio.to_thread(shutil.rmtree, self._folder.path, ignore_errors=True)

    async def _start(self, settings: ChildSettings) -> ChildFolder:
        """Start the process and wait for its first message; return its folder.

        Never cancel this: asyncio loses a process if it is cancelled while starting it.
        """
        try:
            self._folder = await asyncio.to_thread(ChildFolder.make, settings.folder)
            self._process = await spawn(settings, self._folder)
            self._logging = asyncio.create_task(self._log_output(self._process))
            if self._state is _State.KILLED:
                self.kill()
            async with asyncio.timeout(settings.limits.start_seconds):
                ready = await self._receive()
            self.confinement = Confinement(**ready["confinement"])
        except (OSError, TimeoutError, _EndedError, Damaged, KeyError, TypeError) as error:
            raise SandboxFault(
                f"the child didn't start: {error!r} {self._last_output!r}"
            ) from error
        return self._folder

    async def _begin(self, call: Call, folder: TaskFolder) -> None:
        command = {
            "task": call.task,
            "request": {**call.request, "files": [str(file) for file in folder.files]},
            "folder": str(folder.work),
            "seconds": call.seconds,
        }
        try:
            async with asyncio.timeout(self._limits.start_seconds):
                await self._send(command)
                await self._receive()
        except (ConnectionError, TimeoutError, _EndedError):
            raise DiedIdleError from None

    async def _answer(self, call: Call, folder: TaskFolder) -> dict[str, Any]:
        """Pass on progress and questions until the task is over; return its last message."""
        while True:
            message = await self._receive()
            match message.get("kind"):
                case "progress":
                    call.on_progress(message.get("value"))
                case "question":
                    await self._send(
                        {"answer": await call.on_question(message.get("value"), folder.inputs)}
                    )
                case _:
                    return message

    def _allow_memory(self) -> None:
        try:
            limits.allow_memory(self._running.pid, self._limits.memory_alone)
        except ProcessLookupError:
            raise DiedIdleError from None

    def _finish(self, answer: dict[str, Any], call: Call) -> Any:
        kind = answer.get("kind")
        if kind not in {"done", "refused"}:
            detail = str(answer.get("detail", "a message of an unknown kind"))
            raise SandboxFault(detail) if kind == "broken" else Damaged(detail=detail)
        self._served += 1
        refusal = _restored(answer.get("error")) if kind == "refused" else None
        reason = refusal.facts.get("reason") if isinstance(refusal, TooLargePicture) else None
        may_go_on_alone = reason == "large_pictures" and not call.alone
        if self._state is not _State.KILLED:
            # A child that ran out of memory may hang at its next task: it can't start threads. One
            # that was alone keeps its memory, and is not to be used beside others.
            worn_out = self._served >= self._limits.tasks or reason is not None or call.alone
            self._state = _State.SPENT if worn_out else _State.READY
        if may_go_on_alone:
            raise OutOfMemoryError(str(refusal))
        if refusal:
            raise refusal
        return answer.get("value")

    async def _explain_death(self, stage: str) -> Exception:
        """Return the error for a child that died while it worked."""
        if self._state is _State.KILLED:
            return SandboxFault("the sandbox closed")
        code = None
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_KILL_SECONDS):
                code = await self._running.wait()
                if self._logging is not None:
                    await self._logging
        if code == -getattr(signal, "SIGXCPU", 0):
            return TooSlow(stage=stage, detail="the child used up its CPU time")
        return Damaged(detail=f"the child exited with {describe_exit(code)}: {self._last_output!r}")

    @property
    def _running(self) -> Process:
        if self._process is None:
            raise SandboxFault("the child was never started")
        return self._process

    async def _send(self, message: dict[str, Any]) -> None:
        pipe = self._running.stdin
        if pipe is None:
            raise SandboxFault("the child has no standard input")
        pipe.write(json.dumps(message).encode() + b"\n")
        await pipe.drain()

    async def _receive(self) -> dict[str, Any]:
        """Read one message; a child taken over by an attacker may send anything."""
        pipe = self._running.stdout
        if pipe is None:
            raise SandboxFault("the child has no standard output")
        try:
            line = await pipe.readline()
            if not line.endswith(b"\n"):
                raise _EndedError
            message = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise Damaged(detail=f"the child sent an invalid message: {error}") from None
        if not isinstance(message, dict):
            raise Damaged(detail="the child sent no message")
        return message

    async def _log_output(self, process: Process) -> None:
        """Read standard error to its end, so that the child never blocks; log its beginning."""
        left = _MAX_LOGGED
        while process.stderr is not None and (chunk := await process.stderr.read(4096)):
            self._last_output = (self._last_output + chunk)[-_MAX_LAST_OUTPUT:]
            if left > 0:
                logger.debug("child %d printed: %r", process.pid, chunk[:left])
            left -= len(chunk)

    async def _reap(self, process: Process) -> None:
        """Drain the pipes, without which asyncio never reports the exit, and wait for it."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_KILL_SECONDS):
                while process.stdout is not None and await process.stdout.read(65_536):
                    pass
                await process.wait()
        if self._logging is not None:
            self._logging.cancel()
            await asyncio.gather(self._logging, return_exceptions=True)


def _restored(saved: object) -> Exception:
    """Rebuild the task's own error; ``Damaged`` unless it is one that a task may raise."""
    try:
        error = ErrorRecord.from_dict(saved).restore() if isinstance(saved, dict) else None
    except (KeyError, ValueError, IndexError, AttributeError, TypeError) as reason:
        return Damaged(detail=f"the child sent an invalid error: {reason!r}")
    if isinstance(error, ClipError | TaggerError):
        return error
    return Damaged(detail="the child sent an invalid error")
