"""A process that has loaded the whole program, and forks one for each order.

Most of a start is importing, the same each time; tests start the program about a hundred times.
What is forked runs ``main`` as ``python -m bot`` would, with arguments, environment, folder and
standard error of its own, and ends as any interpreter does.
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


def main() -> None:
    """Serve orders until nobody can give any; in what is forked, be the program."""
    for cog in COGS:
        importlib.import_module(cog)
    # Not even the counts of what was loaded are written to: the pages stay shared.
    gc.freeze()
    # An interrupt from the keyboard is for pytest, which then ends those that were forked.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with socket.socket(fileno=int(sys.argv[1])) as orders:
        is_forked = _forked(orders)
    if is_forked:
        bot.__main__.main()


def _forked(orders: socket.socket) -> bool:
    """Return True in a process made to order, False when there are no more orders."""
    while True:
        words, descriptors, _flags, _from = socket.recv_fds(orders, 2**16, 2)
        if not words:
            break
        if os.fork() == 0:
            return _keep(json.loads(words), *descriptors)
        for descriptor in descriptors:
            os.close(descriptor)
        with suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
    with suppress(ChildProcessError):
        while True:
            os.wait()
    return False


def _keep(order: dict[str, Any], error: int, answers: int) -> bool:
    """Fork once more, tell the process' number and, when it is over, its exit code."""
    child = os.fork()
    if child == 0:
        os.close(answers)
        _become(order, error)
        return True
    os.close(error)
    with suppress(BrokenPipeError):
        os.write(answers, b"%d\n" % child)
    _pid, status = os.waitpid(child, 0)
    with suppress(BrokenPipeError):
        os.write(answers, b"%d\n" % os.waitstatus_to_exitcode(status))
    os._exit(0)


def _become(order: dict[str, Any], error: int) -> None:
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.dup2(error, 2)
    os.close(error)
    os.chdir(order["folder"])
    os.environ.clear()
    os.environ.update(order["environment"])
    sys.path[0] = order["folder"]
    sys.argv = [bot.__main__.__file__, *order["arguments"]]


if __name__ == "__main__":
    main()
