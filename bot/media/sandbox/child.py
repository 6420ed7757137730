"""What runs in a child process: take a task, work on it, answer.

The parent writes one JSON object a line to the child's standard input and reads one a line from its
standard output. Before any other code runs, both move to descriptors of their own; whatever a
library prints afterwards goes to standard error.

From the parent: ``task``, ``request``, ``folder``, ``seconds``, and to each question of the task
one ``answer``. To the parent, by ``kind``:

    ready      the modules are imported; sent once
    started    the task was read; its clock starts
    progress   ``value`` as the task reported it
    question   ``value`` as the task asked it; the task waits for the answer
    done       ``value`` as the task returned it
    refused    ``error``: a ClipError or TaggerError as saved by ``as_dict``
    failed     ``detail``: the task raised something else
    broken     ``detail``: our own fault, whatever the clip: no such task, no JSON value
"""

from __future__ import annotations

import importlib
import json
import os
import tempfile
import traceback
from typing import TYPE_CHECKING, Any, BinaryIO

from bot.errors import ClipError, TaggerError
from bot.media.sandbox.limits import SandboxLimits, allow_cpu, confine

if TYPE_CHECKING:
    from collections.abc import Callable

    Task = Callable[[dict[str, Any], "Parent"], Any]

DETAIL_LENGTH = 2000  # characters; the last lines of a traceback say most


def main(settings: str) -> None:
    """Serve the parent until it closes our standard input."""
    chosen = json.loads(settings)
    limits = SandboxLimits(**chosen["limits"])
    commands, replies = _private_pipes()
    confine(limits)
    for name in chosen["warm"]:
        importlib.import_module(name)
    parent = Parent(commands, replies)
    child = _Child(parent, limits, home=os.getcwd())  # noqa: PTH109 - a plain string for chdir
    parent.translate({"kind": "ready"})
    for line in commands:
        child.serve(json.loads(line))


def _private_pipes() -> tuple[BinaryIO, BinaryIO]:
    """Move the protocol off descriptors 0 and 1, which any library may use."""
    commands, replies = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    return commands, replies


class Parent:
    """Who gave a task: called, it is told of progress; asked, it answers."""

    def __init__(self, commands: BinaryIO, replies: BinaryIO) -> None:
        self._commands = commands
        self._replies = replies

    def __call__(self, value: Any) -> None:
        """Tell of progress, as a JSON value."""
        self.translate({"kind": "progress", "value": value})

    def ask(self, value: Any) -> Any:
        """Ask something, as a JSON value, and wait for what is answered."""
        self.translate({"kind": "question", "value": value})
        return json.loads(self._commands.readline())["answer"]

    def translate(self, message: dict[str, Any]) -> None:
        """Send one message."""
        self._replies.write(json.dumps(message).encode() + b"\n")
        self._replies.flush()


class _Child:
    def __init__(self, parent: Parent, limits: SandboxLimits, home: str) -> None:
        self._parent = parent
        self._limits = limits
        self._home = home

    def serve(self, command: dict[str, Any]) -> None:
        """Do one task in its own folder and answer."""
        allow_cpu(command["seconds"], self._limits.threads)
        _move_to(command["folder"])
        self._parent.translate({"kind": "started"})
        answer = self._answer(command)
        _move_to(self._home)
        try:
            self._parent.translate(answer)
        except (TypeError, ValueError):
            self._parent.translate({"kind": "broken", "detail": _last_lines()})

    def _answer(self, command: dict[str, Any]) -> dict[str, Any]:
        try:
            function = _resolve(command["task"])
        except Exception:  # noqa: BLE001 - whatever an import raises is told to the parent
            return {"kind": "broken", "detail": _last_lines()}
        try:
            return {"kind": "done", "value": function(command["request"], self._parent)}
        except (ClipError, TaggerError) as error:
            return {"kind": "refused", "error": error.as_dict()}
        except Exception:  # noqa: BLE001 - whatever a decoder raises is told to the parent
            return {"kind": "failed", "detail": _last_lines()}


def _move_to(folder: str) -> None:
    os.chdir(folder)
    os.environ["TMPDIR"] = folder
    tempfile.tempdir = None  # forget the folder chosen before


def _resolve(name: str) -> Task:
    module, _, function = name.partition(":")
    found: Task = getattr(importlib.import_module(module), function)
    return found


def _last_lines() -> str:
    return traceback.format_exc()[-DETAIL_LENGTH:]
