"""A server process that has imported the whole program and forks a copy for each request.

Most of a start is importing, and tests start the program about a hundred times. A forked process
runs ``main`` as ``python -m bot`` would, with its own arguments, environment, folder and standard
error, and ends as any interpreter does.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import signal
import socket
import sys
from contextlib import suppress
from typing import Any

import bot.__main__
import bot.cli.run
from bot.chat.client import COGS

# What a running program imports when it first needs it.
_IMPORTED_LATER = (
    *("aiosqlite", "dbos._sys_db_sqlite", "filelock.asyncio"),
    *("dbos._sys_db_postgres", "psycopg", "sqlalchemy.dialects.postgresql.psycopg"),
)


def main() -> None:
    """Serve requests until the other end is closed; in a forked process, run the program."""
    for module in (*COGS, *_IMPORTED_LATER):
        importlib.import_module(module)
    # The garbage collector must not write to loaded objects, so that their pages stay shared.
    gc.collect()
    gc.freeze()
    # Ctrl-C is for pytest, which then ends the forked processes.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with socket.socket(fileno=int(sys.argv[1])) as requests:
        is_forked = _forked(requests)
    if is_forked:
        bot.__main__.main()


def _forked(requests: socket.socket) -> bool:
    """Return True in a forked process, False when there are no more requests."""
    while True:
        message, descriptors, _flags, _from = socket.recv_fds(requests, 2**16, 2)
        if not message:
            break
        if os.fork() == 0:
            return _supervise(json.loads(message), *descriptors)
        for descriptor in descriptors:
            os.close(descriptor)
        with suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
    with suppress(ChildProcessError):
        while True:
            os.wait()
    return False


def _supervise(request: dict[str, Any], error: int, results: int) -> bool:
    """Fork once more, write the process id and, when the process has ended, its exit code."""
    child = os.fork()
    if child == 0:
        os.close(results)
        _set_up(request, error)
        return True
    os.close(error)
    with suppress(BrokenPipeError):
        os.write(results, b"%d\n" % child)
    _pid, status = os.waitpid(child, 0)
    with suppress(BrokenPipeError):
        os.write(results, b"%d\n" % os.waitstatus_to_exitcode(status))
    os._exit(0)


def _set_up(request: dict[str, Any], error: int) -> None:
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.dup2(error, 2)
    os.close(error)
    os.chdir(request["folder"])
    os.environ.clear()
    os.environ.update(request["environment"])
    sys.path[0] = request["folder"]
    sys.argv = [bot.__main__.__file__, *request["arguments"]]


if __name__ == "__main__":
    main()
