"""Having the program forked by ``tests.processes.fork_server`` instead of started anew."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from asyncio import StreamReader, StreamWriter
    from collections.abc import Mapping, Sequence

_ROOT = Path(__file__).parents[2]
_KEPT = ("PATH", "HOME", "PYTHONPATH")


def bare_environment() -> dict[str, str]:
    """Return what a program needs of the environment tests run in, and nothing else."""
    return {name: os.environ[name] for name in _KEPT if name in os.environ}


class ForkServer:
    """Where forked programs come from; its process is started by the first who wants one."""

    def __init__(self) -> None:
        self._orders: socket.socket | None = None
        self._process: subprocess.Popen[bytes] | None = None

    async def fork(
        self, arguments: Sequence[str], environment: Mapping[str, str], folder: Path, longest: int
    ) -> ForkedProcess:
        """Start the program with these; a line of its log may be ``longest`` bytes."""
        order = {
            "arguments": arguments,
            "environment": dict(environment),
            "folder": str(folder),
        }
        reading, writing = os.pipe()
        ours, theirs = socket.socketpair()
        with theirs:
            orders = self._orders or self._start()
            socket.send_fds(orders, [json.dumps(order).encode()], [writing, theirs.fileno()])
        os.close(writing)
        answers, writer = await asyncio.open_connection(sock=ours)
        log = asyncio.StreamReader(limit=longest)
        protocol = asyncio.StreamReaderProtocol(log)
        pipe = os.fdopen(reading, "rb")
        await asyncio.get_running_loop().connect_read_pipe(lambda: protocol, pipe)
        return ForkedProcess(int(await answers.readline()), log, answers, writer)

    def close(self) -> None:
        """End it, and see that nobody it forked is left."""
        if self._orders is not None and self._process is not None:
            self._orders.close()
            assert self._process.wait(30) == 0

    def _start(self) -> socket.socket:
        self._orders, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.processes.fork_server", str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                env=bare_environment(),
                cwd=_ROOT,
            )
        return self._orders


class ForkedProcess:
    """As much of asyncio's ``Process`` as tests use."""

    def __init__(
        self, pid: int, log: StreamReader, answers: StreamReader, writer: StreamWriter
    ) -> None:
        self.pid = pid
        self.stderr = log
        self.returncode: int | None = None
        self._end = asyncio.create_task(self._note_end(answers, writer))

    async def wait(self) -> int:
        """Return the exit code, or the signal below zero."""
        return await asyncio.shield(self._end)

    def send_signal(self, by: int) -> None:
        if self.returncode is None:
            with suppress(ProcessLookupError):
                os.kill(self.pid, by)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    async def _note_end(self, answers: StreamReader, writer: StreamWriter) -> int:
        self.returncode = int(await answers.readline())
        writer.close()
        await writer.wait_closed()
        return self.returncode
