"""A server process that has imported what it runs, and forks a copy of itself for each request.

Most of a start is importing, and tests start the program and the fork server of the sandbox some
hundred times. A forked process runs as ``python -m bot`` or a sandbox's own would, with its own
arguments, environment, folder and standard streams, and ends as any interpreter does.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import select
import signal
import socket
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

# The standard streams that a request brings, besides the pipe for standard error.
_STREAMS = {"program": (1,), "sandbox": (0, 1)}


def main(kind: str, requests: int, lifetime: int) -> None:
    """Serve requests while the pipe ``lifetime`` is open; in a forked process, run the program."""
    # Ctrl-C is for pytest, which then ends the forked processes.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with socket.socket(fileno=requests) as server, os.fdopen(lifetime) as pipe:
        run = _forked(server, pipe.fileno(), kind)
    if run:
        run()


def _load(kind: str) -> Callable[[], object]:
    """Import what is forked; not before a test needs it."""
    run = _RUNS[kind]()
    # The garbage collector must not write to loaded objects, so that their pages stay shared.
    gc.collect()
    gc.freeze()
    return run


def _program() -> Callable[[], object]:
    """Import all that the program needs, whenever it imports it."""
    for module in (
        "bot.cli.run",
        *("aiosqlite", "dbos._sys_db_sqlite", "filelock.asyncio"),
        *("dbos._sys_db_postgres", "psycopg", "sqlalchemy.dialects.postgresql.psycopg"),
        *importlib.import_module("bot.chat.client").COGS,
    ):
        importlib.import_module(module)
    program = importlib.import_module("bot.__main__")
    sys.argv[0] = program.__file__ or ""
    warm_sandbox = importlib.import_module("tests.processes.warm_sandbox")
    forking = importlib.import_module("tests.processes.forking")
    sandboxes = sys.argv[4]

    def run() -> None:
        sys.path[0] = str(Path.cwd())
        warm_sandbox.fork_sandboxes(forking.ForkServer(sandboxes))
        program.main()

    return run


def _sandbox() -> Callable[[], object]:
    """Import what tasks of the sandbox need."""
    fork_server = importlib.import_module("bot.media.sandbox.fork_server")
    for module in importlib.import_module("bot.media.sandbox.pool").MODULES:
        fork_server._load(module)

    def run() -> None:
        fork_server.main(sys.argv[1])
        os._exit(0)  # the clean-up of a library would wait for threads, which a fork does not copy

    return run


_RUNS = {"program": _program, "sandbox": _sandbox}


def _forked(requests: socket.socket, lifetime: int, kind: str) -> Callable[[], object] | None:
    """Return the program to run in a forked process; None when there are no more requests."""
    run = None
    streams = _STREAMS[kind]
    awaited = [requests.fileno(), lifetime]
    while requests.fileno() in select.select(awaited, [], [])[0]:
        message, descriptors, _flags, _from = socket.recv_fds(requests, 2**18, 2 + len(streams))
        run = run or _load(kind)
        if os.fork() == 0:
            _supervise(json.loads(message), descriptors, streams)
            return run
        for descriptor in descriptors:
            os.close(descriptor)
        with suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
    with suppress(ChildProcessError):
        while True:
            os.wait()
    return None


def _supervise(request: dict[str, Any], descriptors: Sequence[int], streams: Sequence[int]) -> None:
    """Fork once more, write the process id and, when the process has ended, its exit code.

    Only the forked process returns.
    """
    results, *given = descriptors
    child = os.fork()
    if child == 0:
        os.close(results)
        os.setpgid(0, 0)
        return _set_up(request, dict(zip((2, *streams), given, strict=True)))
    for descriptor in given:
        os.close(descriptor)
    with suppress(PermissionError):
        os.setpgid(child, child)  # whichever of both processes is first
    with suppress(BrokenPipeError):
        os.write(results, b"%d\n" % child)
    _end_with(results, child)
    _pid, status = os.waitpid(child, 0)
    with suppress(BrokenPipeError):
        os.write(results, b"%d\n" % os.waitstatus_to_exitcode(status))
    os._exit(0)


def _end_with(results: int, child: int) -> None:
    """Wait until the child ends, and kill it if its parent is gone, as the kernel does otherwise.

    A test may kill the parent, and a sandbox would go on with its task.
    """
    ended = os.pidfd_open(child)
    ready, _, _ = select.select([ended, results], [], [])
    if ended not in ready:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(child, signal.SIGKILL)


def _set_up(request: dict[str, Any], streams: dict[int, int]) -> None:
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for number, descriptor in streams.items():
        os.dup2(descriptor, number)
    for descriptor in streams.values():
        os.close(descriptor)
    os.chdir(request["folder"])
    os.environ.clear()
    os.environ.update(request["environment"])
    sys.argv[1:] = request["arguments"]


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
