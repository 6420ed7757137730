"""One child process, as its parent holds it: start, one task at a time, end."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import signal
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bot.errors import ClipError, Damaged, TaggerError, TaggerUnavailable, TooSlow, restore

if TYPE_CHECKING:
    from asyncio.subprocess import Process
    from collections.abc import Awaitable, Callable

    from bot.media.sandbox.limits import SandboxLimits

logger = logging.getLogger(__name__)

# The child imports what its parent would, wherever that came from, and nothing from its own folder.
BOOT = (
    "import sys; settings = sys.argv[1]; sys.path[:] = sys.argv[2:]; "
    "from bot.media.sandbox.child import main; main(settings)"
)
# What a child may see of our environment: no token, no database address.
ENVIRONMENT = ("PATH", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "SYSTEMROOT")
CHATTER = 16_384  # bytes of one child's standard error that are logged
LAST_WORDS = 2_000  # bytes of it that explain a death
PATIENCE = 1.0  # seconds for a killed process to be gone


class SandboxFault(TaggerUnavailable):
    """The sandbox itself cannot work; that says nothing about the clip."""

    def __init__(self, detail: str) -> None:
        """Take what the operator should read."""
        super().__init__(detail=detail)


class DiedIdleError(Exception):
    """The child was gone before it began: no clip is to blame, another child may serve."""


class _EndedError(Exception):
    """The child closed its side of the conversation."""


@dataclass(frozen=True, slots=True)
class ChildSettings:
    """How every child of a sandbox is started; ``folder`` is where it stands between tasks."""

    folder: Path
    limits: SandboxLimits
    warm: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Call:
    """One task: its name, what it is asked, the seconds it has, the word for being slow.

    ``on_progress`` hears what it reports, ``on_question`` answers what it asks.
    """

    task: str
    request: dict[str, Any]
    seconds: float
    stage: str
    on_progress: Callable[[Any], None]
    on_question: Callable[[Any], Awaitable[Any]]


class ChildProcess:
    """A child that is starting, waiting, at work, or over."""

    def __init__(self, settings: ChildSettings) -> None:
        """Begin to start it; needs a running event loop."""
        self._limits = settings.limits
        self._process: Process | None = None
        self._last_words = b""
        self._listening: asyncio.Task[None] | None = None
        self._served = 0
        self._busy = False
        self._killed = False
        self._starting = asyncio.create_task(self._start(settings))

    @property
    def usable(self) -> bool:
        """Whether it can take another task."""
        over = self._process is not None and self._process.returncode is not None
        return not self._busy and not over and self._served < self._limits.tasks

    async def call(self, call: Call, folder: str) -> Any:
        """Have one task done in ``folder``; return its value.

        Unless the task itself came to an end, the child is not ``usable`` afterwards.

        Raises ``ClipError`` and ``TaggerError`` as the task did, ``Damaged`` when it raised
        anything else or brought the child down, ``TooSlow``, ``DiedIdleError``, ``SandboxFault``.
        What answering a question raises is raised, too.
        """
        self._busy = True
        await self._ready()
        await self._begin(call, folder)
        try:
            async with asyncio.timeout(call.seconds):
                answer = await self._answer(call)
        except (_EndedError, ConnectionError):
            raise await self._death(call.stage) from None
        except TimeoutError:
            detail = f"{call.task} had {call.seconds:g} s"
            raise TooSlow(stage=call.stage, detail=detail) from None
        return self._settle(answer)

    def kill(self) -> None:
        """Kill it with everything it started; a call in progress raises ``SandboxFault``."""
        self._killed = True
        if self._process is not None:
            _kill_group(self._process)

    async def end(self) -> None:
        """Kill it and wait until it is gone; no call may be in progress."""
        self.kill()
        await asyncio.gather(self._starting, return_exceptions=True)
        if self._process is not None:
            await self._reap(self._process)

    async def _start(self, settings: ChildSettings) -> None:
        """Start the process and hear that it is ready.

        Nobody may cancel this: asyncio loses a process when it is cancelled while starting it.
        """
        try:
            self._process = await _spawn(settings)
            self._listening = asyncio.create_task(self._listen(self._process))
            if self._killed:
                self.kill()
            async with asyncio.timeout(settings.limits.start_seconds):
                await self._receive()
        except (OSError, TimeoutError, _EndedError, Damaged) as error:
            raise SandboxFault(f"a child did not start: {error!r} {self._last_words!r}") from error

    async def _ready(self) -> None:
        await asyncio.wait({self._starting})  # cancelling this leaves the start alone
        self._starting.result()

    async def _begin(self, call: Call, folder: str) -> None:
        command = {
            "task": call.task,
            "request": call.request,
            "folder": folder,
            "seconds": call.seconds,
        }
        try:
            async with asyncio.timeout(self._limits.start_seconds):
                await self._send(command)
                await self._receive()
        except (ConnectionError, TimeoutError, _EndedError):
            raise DiedIdleError from None

    async def _answer(self, call: Call) -> dict[str, Any]:
        """Listen until the task is over."""
        while True:
            message = await self._receive()
            match message.get("kind"):
                case "progress":
                    call.on_progress(message.get("value"))
                case "question":
                    await self._send({"answer": await call.on_question(message.get("value"))})
                case _:
                    return message

    def _settle(self, answer: dict[str, Any]) -> Any:
        kind = answer.get("kind")
        if kind not in {"done", "refused"}:
            detail = str(answer.get("detail", "an answer without a meaning"))
            raise SandboxFault(detail) if kind == "broken" else Damaged(detail=detail)
        self._served += 1
        self._busy = False
        if kind == "refused":
            raise _restored(answer.get("error"))
        return answer.get("value")

    async def _death(self, stage: str) -> Exception:
        """Tell what it means that the child went away while it worked."""
        if self._killed:
            return SandboxFault("the sandbox closed")
        code = None
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE):
                code = await self._running.wait()
                if self._listening is not None:
                    await self._listening
        if code == -getattr(signal, "SIGXCPU", 0):
            return TooSlow(stage=stage, detail="the child used up its CPU time")
        return Damaged(detail=f"the child ended with {_named(code)}: {self._last_words!r}")

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
        """Read one message; whoever has taken a child over may write anything here."""
        pipe = self._running.stdout
        if pipe is None:
            raise SandboxFault("the child has no standard output")
        try:
            line = await pipe.readline()
            if not line.endswith(b"\n"):
                raise _EndedError
            message = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise Damaged(detail=f"the child sent no message: {error}") from None
        if not isinstance(message, dict):
            raise Damaged(detail="the child sent no message")
        return message

    async def _listen(self, process: Process) -> None:
        """Read standard error to its end, so that it never blocks; log its beginning."""
        left = CHATTER
        while process.stderr is not None and (chunk := await process.stderr.read(4096)):
            self._last_words = (self._last_words + chunk)[-LAST_WORDS:]
            if left > 0:
                logger.debug("child %d says: %r", process.pid, chunk[:left])
            left -= len(chunk)

    async def _reap(self, process: Process) -> None:
        """Read the pipes out, without which asyncio never reports the end, and wait for it."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE):
                while process.stdout is not None and await process.stdout.read(65_536):
                    pass
                await process.wait()
        if self._listening is not None:
            self._listening.cancel()
            await asyncio.gather(self._listening, return_exceptions=True)


async def _spawn(settings: ChildSettings) -> Process:
    return await asyncio.create_subprocess_exec(
        *_command(settings),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        cwd=settings.folder,
        env=_environment(str(settings.folder), settings.limits.threads),
        start_new_session=True,
        limit=settings.limits.message,
    )


def _command(settings: ChildSettings) -> list[str]:
    """Isolated (-I) from its folder and environment, telling where it was when it crashed."""
    chosen = json.dumps({"limits": asdict(settings.limits), "warm": settings.warm})
    options = ["-I", "-X", "faulthandler", "-X", "utf8", "-c", BOOT, chosen]
    paths = [str(Path(entry).absolute()) for entry in sys.path]
    return [sys.executable, *options, *paths]


def _environment(folder: str, threads: int) -> dict[str, str]:
    kept = {name: os.environ[name] for name in ENVIRONMENT if name in os.environ}
    return {
        **kept,
        "TMPDIR": folder,
        # each arena and each thread of a numerical library reserves memory of its own
        "MALLOC_ARENA_MAX": "2",
        "OMP_NUM_THREADS": str(threads),
        "OPENBLAS_NUM_THREADS": str(threads),
    }


def _kill_group(process: Process) -> None:
    with contextlib.suppress(ProcessLookupError):
        if sys.platform == "win32":
            process.kill()
        else:
            os.killpg(process.pid, signal.SIGKILL)  # its session's leader leads its group, too


def _restored(saved: object) -> Exception:
    """Rebuild the task's own error, unless the saved one is not what a task may raise."""
    try:
        error = restore(saved) if isinstance(saved, dict) else None
    except (KeyError, ValueError, IndexError, AttributeError, TypeError) as reason:
        return Damaged(detail=f"the child sent no error: {reason!r}")
    if isinstance(error, ClipError | TaggerError):
        return error
    return Damaged(detail="the child sent no error")


def _named(code: int | None) -> str:
    if code is None or code >= 0:
        return f"exit code {code}"
    with contextlib.suppress(ValueError):
        return signal.Signals(-code).name
    return f"signal {-code}"
