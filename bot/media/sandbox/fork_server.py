"""The fork server of the sandbox: it has all modules loaded, and forks a process for every task.

No process runs a second task. So a file that takes over its decoder can't read the next clip, which
may be another person's, and can't lie about it. The server itself never opens a clip.

The parent sends the server one descriptor a task over the socket at its standard input: the
connection to the task's process, with the command already in it (``child``). The server answers
with lines of JSON:

    {"confinement": …}  the modules are loaded; sent once, with what will confine the processes
    {"pid": …}          a process was started for the task
    {"exit": …}         it is gone; its exit code, or minus the number of a signal
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import socket
import traceback
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from bot.media.sandbox import child, landlock, seccomp
from bot.media.sandbox.limits import SandboxLimits, die_with_parent, limit_resources

if TYPE_CHECKING:
    from collections.abc import Callable


def main(settings: str) -> None:
    """Fork a process for each task until the parent closes the socket."""
    chosen = json.loads(settings)
    limits = SandboxLimits(**chosen["limits"])
    control = _private_socket()
    limit_resources(limits)
    for name in chosen["modules"]:
        _load(name)
    gc.freeze()  # a collection in a forked process would copy all that was loaded
    readable = tuple(map(Path, chosen["readable"]))
    confinement = {"landlock": landlock.abi_version(), "seccomp": int(seccomp.is_supported())}
    _send(control, {"confinement": confinement})
    while (connection := _next_connection(control)) is not None:
        _run_task(control, connection, limits, readable)


def _load(name: str) -> None:
    """Import a module and all machine code that it may use: none can be loaded later."""
    module = importlib.import_module(name)
    if load_everything := getattr(module, "load_everything", None):
        load_everything()


def _private_socket() -> socket.socket:
    """Move the socket away from descriptors 0 and 1, which any library may use."""
    control = socket.socket(fileno=os.dup(0))
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    return control


def _send(control: socket.socket, message: dict[str, Any]) -> None:
    control.sendall(json.dumps(message).encode() + b"\n")


def _next_connection(control: socket.socket) -> int | None:
    _, descriptors, _, _ = socket.recv_fds(control, 1, 1)
    return descriptors[0] if descriptors else None


def _run_task(
    control: socket.socket, connection: int, limits: SandboxLimits, readable: tuple[Path, ...]
) -> None:
    """Run one task in a process of its own, and wait until it is gone."""
    parent = child.Parent(connection)
    command = parent.receive()  # nobody else has this connection yet
    _prepare(command)
    server = os.getpid()
    pid = os.fork()
    if not pid:
        control.close()
        die_with_parent(server)
        _end_after(lambda: child.run(command, parent, limits, readable))
    parent.close()
    _send(control, {"pid": pid})
    _, status = os.waitpid(pid, 0)
    _send(control, {"exit": os.waitstatus_to_exitcode(status)})


def _end_after(task: Callable[[], None]) -> NoReturn:
    """Run the task and end this process, without the clean-up of libraries.

    That would wait for threads of the server, whose copy this process is; a copy has no threads.
    """
    status = 1
    try:
        task()
        status = 0
    except BaseException:  # noqa: BLE001 - printed as the interpreter does
        traceback.print_exc()
    finally:
        os._exit(status)


def _prepare(command: dict[str, Any]) -> None:
    """Let the task's module load what is the same for all tasks, such as models."""
    module = importlib.import_module(command["task"].partition(":")[0])
    if prepare := getattr(module, "prepare", None):
        with suppress(Exception):  # the task meets the same failure, and reports it
            prepare(command["request"])
