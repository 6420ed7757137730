"""One child of the sandbox as its parent sees it: start it, give it one task at a time, end it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import re
import shutil
import signal
from dataclasses import dataclass, replace
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
from bot.media.sandbox.child import MAX_DETAIL
from bot.media.sandbox.confinement import Confinement
from bot.media.sandbox.connection import Connection, Control, EndedError
from bot.media.sandbox.spawn import ChildFolder, describe_exit, kill_group, spawn
from bot.media.sandbox.thread_limit import watching_threads

if TYPE_CHECKING:
    from asyncio.subprocess import Process
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from bot.media.sandbox.spawn import ChildSettings
    from bot.media.sandbox.task_folder import TaskFolder

logger = logging.getLogger(__name__)

_MAX_LOGGED = 16_384  # bytes of one child's standard error that are logged
_MAX_LAST_OUTPUT = 2_000  # bytes of it kept to explain why the child died
_EXIT_SECONDS = 2.0  # until a process that was killed, or has answered, is gone
_PLAIN_FACT = re.compile(r"[\w ,.()+-]{0,200}", re.ASCII)
_LARGE = "large_pictures"  # the reason of ``TooLargePicture`` for which a task is run again


class SandboxFault(TaggerUnavailable):
    """The sandbox itself does not work; this says nothing about the clip."""

    def __init__(self, detail: str) -> None:
        """Take the text for the operator's log."""
        super().__init__(detail=detail)


class OutOfMemoryError(Exception):
    """The task needs more memory than its child may have beside other children."""


class DiedIdleError(Exception):
    """The child died before it began the task, so another child may run it."""


class _State(Enum):
    """What a child can do next."""

    READY = auto()  # take a task, perhaps once it has started
    WORKING = auto()
    KILLED = auto()


@dataclass(frozen=True, slots=True)
class Call:
    """One task: its name, its request, its time limit, and the stage to name if it is too slow.

    ``files`` are files it may read. Those named ``outputs`` it may write; they are moved into the
    folder ``results``.
    ``on_progress`` receives what the task reports. ``on_question`` answers what it asks; it also
    gets a folder for files with the answer. A ``large`` call may have more memory.
    """

    task: str
    request: dict[str, Any]
    files: tuple[Path, ...]
    results: Path | None
    outputs: tuple[str, ...]
    seconds: float
    stage: str
    on_progress: Callable[[Any], None]
    on_question: Callable[[Any, Path], Awaitable[Any]]
    large: bool = False


class ChildProcess:
    """A fork server, its folder and the connection to it. Every task gets a process of its own."""

    def __init__(self, settings: ChildSettings) -> None:
        """Begin to start the server; needs a running event loop."""
        self._limits = settings.limits
        self._state = _State.READY
        self._process: Process | None = None
        self._control: Control | None = None
        self._pid = 0  # of the process of the task
        self._threads = 0  # it had when it was killed for them
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

        The task's process is gone afterwards. The child stays ``usable`` only if the task ended by
        itself.

        Raises the task's own ``ClipError`` or ``TaggerError``; ``Damaged`` if the task raised
        anything else or crashed; ``TooSlow``, ``DiedIdleError`` or ``SandboxFault``; and
        whatever ``on_question`` raises.
        """
        self._state = _State.WORKING
        try:
            async with await self._begin(call, folder) as connection:
                answer = await self._answer(call, folder, connection)
        except (EndedError, ConnectionError):
            raise await self._explain_death(call.stage) from None
        if await self._exit_code() is not None and self._state is _State.WORKING:
            self._state = _State.READY
        return _finish(answer, call)

    def kill(self) -> None:
        """Kill the child with the process of its task, which raises ``SandboxFault``."""
        self._state = _State.KILLED
        if self._process is not None:
            kill_group(self._process)

    def _kill_for_threads(self, count: int) -> None:
        self._threads = count
        self.kill()

    async def end(self) -> None:
        """Kill the child, wait until it is gone and remove its folder; it must not run a task."""
        self.kill()
        await asyncio.gather(self._starting, return_exceptions=True)
        if self._process is not None:
            await self._reap(self._process)
        if self._control is not None:
            self._control.close()
        if self._folder is not None:
            await asyncio.to_thread(shutil.rmtree, self._folder.path, ignore_errors=True)

    async def _start(self, settings: ChildSettings) -> ChildFolder:
        """Start the process and wait for its first message; return its folder.

        Never cancel this: asyncio loses a process if it is cancelled while starting it.
        """
        try:
            self._folder = await asyncio.to_thread(ChildFolder.make, settings.folder)
            self._control, theirs = Control.pair()
            with theirs:
                self._process = await spawn(settings, self._folder, theirs)
            self._logging = asyncio.create_task(self._log_output(self._process))
            if self._state is _State.KILLED:
                self.kill()
            async with asyncio.timeout(settings.limits.start_seconds):
                ready = await self._control.receive()
            self.confinement = Confinement(**ready["confinement"])
        except EndedError as error:
            await self._logging_ended()
            raise SandboxFault(f"the child didn't start: {self._last_output!r}") from error
        except (OSError, TimeoutError) as error:
            raise SandboxFault(f"the child didn't start: {error!r}") from error
        return self._folder

    async def _begin(self, call: Call, folder: TaskFolder) -> Connection:
        """Have a process started for the task, and wait until it begins."""
        limits = self._limits
        command = {
            "task": call.task,
            "request": {**call.request, "files": [str(file) for file in folder.files]},
            "inputs": str(folder.inputs),
            "work": str(folder.work),
            "outputs": call.outputs,
            "memory": limits.memory_large if call.large else limits.memory,
            "seconds": call.seconds,
        }
        connection = None
        try:
            async with asyncio.timeout(limits.start_seconds):
                connection = await self._server.connect(command, limits.message)
                self._pid = (await self._server.receive())["pid"]
                await connection.receive()
        except (ConnectionError, TimeoutError, EndedError):
            if connection is not None:
                connection.close()
            raise DiedIdleError from None
        return connection

    async def _answer(
        self, call: Call, folder: TaskFolder, connection: Connection
    ) -> dict[str, Any]:
        """Pass on progress and questions until the task is over; return its last message."""
        try:
            async with (
                asyncio.timeout(call.seconds),
                watching_threads(self._pid, self._limits.all_threads, self._kill_for_threads),
            ):
                return await _converse(call, folder, connection)
        except TimeoutError:
            detail = f"{call.task} took longer than {call.seconds:g} s"
            raise TooSlow(stage=call.stage, detail=detail) from None

    async def _exit_code(self) -> int | None:
        """Wait until the task's process is gone; return its exit code, or None if it stays."""
        with contextlib.suppress(TimeoutError, EndedError, ConnectionError):
            async with asyncio.timeout(_EXIT_SECONDS):
                return int((await self._server.receive())["exit"])
        return None

    async def _explain_death(self, stage: str) -> Exception:
        """Return the error for a task whose process died."""
        code = await self._exit_code()
        if self._threads:
            return Damaged(detail=f"the child had {self._threads} threads")
        if self._state is _State.KILLED:
            return SandboxFault("the sandbox closed")
        if code == -getattr(signal, "SIGXCPU", 0):
            return TooSlow(stage=stage, detail="the child used up its CPU time")
        # What it printed last may still be on its way, and comes before the end of its server's.
        self.kill()
        await self._logging_ended()
        return Damaged(detail=f"the child exited with {describe_exit(code)}: {self._last_output!r}")

    @property
    def _server(self) -> Control:
        if self._control is None:
            raise SandboxFault("the child was never started")
        return self._control

    async def _logging_ended(self) -> None:
        """Wait until all that a process that is gone has printed was read."""
        if self._logging is not None:
            await asyncio.wait({self._logging}, timeout=_EXIT_SECONDS)

    async def _log_output(self, process: Process) -> None:
        """Read standard error to its end, so that the child never blocks; log its beginning."""
        left = _MAX_LOGGED
        while process.stderr is not None and (chunk := await process.stderr.read(4096)):
            self._last_output = (self._last_output + chunk)[-_MAX_LAST_OUTPUT:]
            if left > 0:
                logger.debug("child %d printed: %r", process.pid, chunk[:left])
            left -= len(chunk)

    async def _reap(self, process: Process) -> None:
        """Wait for the exit of a killed process."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_EXIT_SECONDS):
                await process.wait()
        await self._logging_ended()  # asyncio complains about a pipe that is left open
        if self._logging is not None:
            self._logging.cancel()
            await asyncio.gather(self._logging, return_exceptions=True)


async def _converse(call: Call, folder: TaskFolder, connection: Connection) -> dict[str, Any]:
    while True:
        message = await connection.receive()
        match message.get("kind"):
            case "progress":
                call.on_progress(message.get("value"))
            case "question":
                answer = await call.on_question(message.get("value"), folder.inputs)
                await connection.send({"answer": answer})
            case _:
                return message


def _finish(answer: dict[str, Any], call: Call) -> Any:
    """Return the value of a task's last message, or raise what it says."""
    kind = answer.get("kind")
    if kind not in {"done", "refused"}:
        detail = str(answer.get("detail", "a message of an unknown kind"))[:MAX_DETAIL]
        raise SandboxFault(detail) if kind == "broken" else Damaged(detail=detail)
    if kind == "done":
        return answer.get("value")
    refusal = _restored(answer.get("error"))
    is_large = isinstance(refusal, TooLargePicture) and refusal.facts.get("reason") == _LARGE
    if is_large and not call.large:
        raise OutOfMemoryError(str(refusal))
    raise refusal


def _restored(saved: object) -> Exception:
    """Rebuild the task's own error; ``Damaged`` unless it is one that a task may raise.

    People read its facts, so they must be plain words: no links, no formatting.
    """
    try:
        record = ErrorRecord.from_dict(saved) if isinstance(saved, dict) else ErrorRecord("none")
        if not all(map(_PLAIN_FACT.fullmatch, record.facts.values())):
            return Damaged(detail="the child sent an error with unusual facts")
        error = replace(record, detail=record.detail[:MAX_DETAIL]).restore()
    except (KeyError, ValueError, IndexError, AttributeError, TypeError) as reason:
        return Damaged(detail=f"the child sent an invalid error: {reason!r}")
    if isinstance(error, ClipError | TaggerError):
        return error
    return Damaged(detail="the child sent an invalid error")
