"""The client of ``tests.processes.fork_server``: starts the program by forking it."""

from __future__ import annotations

import asyncio
import io
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from bot.media.sandbox import spawn
from bot.media.sandbox.limits import SandboxLimits

if TYPE_CHECKING:
    from asyncio import StreamReader, StreamWriter
    from collections.abc import Iterator, Mapping, Sequence

_ROOT = Path(__file__).parents[2]
_MODULE = "tests.processes.fork_server"
_KEPT = ("PATH", "HOME", "PYTHONPATH")
_ADDRESS = "FRAMEHOUND_FORK_SERVERS"  # tells pytest's workers the folder of the sockets


def bare_environment() -> dict[str, str]:
    """Return the few environment variables that a program needs."""
    return {name: os.environ[name] for name in _KEPT if name in os.environ}


def _sandbox_environment() -> dict[str, str]:
    """Return the variables of a sandbox, which libraries read when they are imported."""
    return spawn._environment(tempfile.gettempdir(), SandboxLimits().threads)


class ForkServer:
    """Starts programs or sandboxes through the fork server at an address."""

    def __init__(self, address: str) -> None:
        self._address = address

    async def fork(
        self,
        arguments: Sequence[str],
        environment: Mapping[str, str],
        folder: Path,
        max_line: int,
        streams: Sequence[int],
    ) -> ForkedProcess:
        """Start the program; a line of its log may have ``max_line`` bytes.

        ``streams`` are standard output, and standard input before it for a sandbox.
        """
        request = {
            "arguments": arguments,
            "environment": dict(environment),
            "folder": str(folder),
        }
        reading, writing = os.pipe()
        local, remote = socket.socketpair()
        with remote, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as requests:
            requests.connect(self._address)
            given = [remote.fileno(), writing, *streams]
            socket.send_fds(requests, [json.dumps(request).encode()], given)
        os.close(writing)
        results, writer = await asyncio.open_connection(sock=local)
        log = asyncio.StreamReader(limit=max_line)
        protocol = asyncio.StreamReaderProtocol(log)
        pipe = io.FileIO(reading)
        await asyncio.get_running_loop().connect_read_pipe(lambda: protocol, pipe)
        return ForkedProcess(int(await results.readline()), log, results, writer)


@contextmanager
def _running(
    kind: str, address: str, environment: Mapping[str, str], *arguments: str
) -> Iterator[None]:
    """Run a fork server that takes requests at an address, which is a path."""
    reading, writing = os.pipe()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as requests:
        requests.bind(address)
        passed = [requests.fileno(), reading]
        process = subprocess.Popen(
            [sys.executable, "-m", _MODULE, kind, *map(str, passed), *arguments],
            pass_fds=passed,
            env=environment,
            cwd=_ROOT,
        )
    os.close(reading)
    try:
        yield
    finally:
        os.close(writing)
        assert process.wait(60) == 0  # which it does not reach while a forked process is left


@contextmanager
def running_fork_servers() -> Iterator[None]:
    """Run the fork servers that all of pytest's workers share, on Linux."""
    if sys.platform != "linux":
        yield
        return
    with tempfile.TemporaryDirectory(prefix="framehound-fork-") as folder, ExitStack() as stack:
        sandboxes = f"{folder}/sandbox"
        stack.enter_context(_running("sandbox", sandboxes, _sandbox_environment()))
        programs = f"{folder}/program"
        stack.enter_context(_running("program", programs, bare_environment(), sandboxes))
        os.environ[_ADDRESS] = folder
        yield


def fork_server(kind: str) -> ForkServer | None:
    """Return the fork server for programs or sandboxes, if there is one."""
    folder = os.environ.get(_ADDRESS)
    return ForkServer(f"{folder}/{kind}") if folder else None


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
