"""The client of ``tests.processes.fork_server``: starts the program by forking it."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Self

from bot.media.sandbox import spawn
from bot.media.sandbox.limits import SandboxLimits

if TYPE_CHECKING:
    from asyncio import StreamReader, StreamWriter
    from collections.abc import Mapping, Sequence

_ROOT = Path(__file__).parents[2]
_MODULE = "tests.processes.fork_server"
_KEPT = ("PATH", "HOME", "PYTHONPATH")


def bare_environment() -> dict[str, str]:
    """Return the few environment variables that a program needs."""
    return {name: os.environ[name] for name in _KEPT if name in os.environ}


def _sandbox_environment() -> dict[str, str]:
    """Return the variables of a sandbox, which libraries read when they are imported."""
    return spawn._environment(tempfile.gettempdir(), SandboxLimits().threads)


class ForkServer:
    """A fork server's process for programs or sandboxes, started when it is first needed.

    A server for programs hands them the connection to the one for their ``sandboxes``.
    """

    def __init__(self, kind: str, sandboxes: ForkServer | None = None) -> None:
        self._kind = kind
        self._sandboxes = sandboxes
        self._requests: socket.socket | None = None
        self._process: subprocess.Popen[bytes] | None = None

    @classmethod
    def at(cls, descriptor: int) -> Self:
        """Return a server that another process has started."""
        server = cls("")
        server._requests = socket.socket(fileno=descriptor)
        return server

    async def fork(
        self,
        arguments: Sequence[str],
        environment: Mapping[str, str],
        folder: Path,
        max_line: int,
        streams: Sequence[int] = (),
    ) -> ForkedProcess:
        """Start the program; a line of its log may have ``max_line`` bytes.

        ``streams`` are other standard streams of the program.
        """
        request = {
            "arguments": arguments,
            "environment": dict(environment),
            "folder": str(folder),
        }
        reading, writing = os.pipe()
        local, remote = socket.socketpair()
        with remote:
            requests = self._requests or self._start()
            given = [remote.fileno(), writing, *streams]
            socket.send_fds(requests, [json.dumps(request).encode()], given)
        os.close(writing)
        results, writer = await asyncio.open_connection(sock=local)
        log = asyncio.StreamReader(limit=max_line)
        protocol = asyncio.StreamReaderProtocol(log)
        pipe = os.fdopen(reading, "rb")
        await asyncio.get_running_loop().connect_read_pipe(lambda: protocol, pipe)
        return ForkedProcess(int(await results.readline()), log, results, writer)

    def close(self) -> None:
        """End the server, and check that no forked process is left."""
        if self._requests is not None and self._process is not None:
            self._requests.close()
            assert self._process.wait(30) == 0

    def _start(self) -> socket.socket:
        self._requests, remote = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        sandboxes = self._sandboxes and (self._sandboxes._requests or self._sandboxes._start())
        passed = [end.fileno() for end in (remote, sandboxes) if end]
        with remote:
            self._process = subprocess.Popen(
                [sys.executable, "-m", _MODULE, self._kind, *map(str, passed)],
                pass_fds=passed,
                env=bare_environment() if sandboxes else _sandbox_environment(),
                cwd=_ROOT,
            )
        return self._requests


class ForkedProcess:
    """The part of asyncio's ``Process`` that tests use."""

    def __init__(
        self, pid: int, log: StreamReader, results: StreamReader, writer: StreamWriter
    ) -> None:
        self.pid = pid
        self.stderr = log
        self.returncode: int | None = None
        self._end = asyncio.create_task(self._note_end(results, writer))

    async def wait(self) -> int:
        """Return the exit code, or the signal below zero."""
        return await asyncio.shield(self._end)

    def send_signal(self, by: int) -> None:
        if self.returncode is None:
            with suppress(ProcessLookupError):
                os.kill(self.pid, by)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    async def _note_end(self, results: StreamReader, writer: StreamWriter) -> int:
        self.returncode = int(await results.readline())
        writer.close()
        await writer.wait_closed()
        return self.returncode
