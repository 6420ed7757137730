"""The child's side of the sandbox: read a task, run it, send the answer.

The parent writes one JSON object a line to the child's standard input and reads one a line from its
standard output. Before any other code runs, both pipes move to other descriptors, so whatever a
library prints afterwards goes to standard error.

The parent sends ``task``, ``request``, ``folder`` and ``seconds``, and one ``answer`` to each
question. The child sends messages of these kinds:

    ready      the modules are imported and the process is confined; sent once, with ``confinement``
    started    the task was read; its clock starts
    progress   ``value``: what the task reported
    question   ``value``: what the task asks; the task waits for the answer
    done       ``value``: what the task returned
    refused    ``error``: a ClipError or TaggerError as ``ErrorRecord.as_dict`` writes it
    failed     ``detail``: the task raised any other exception
    broken     ``detail``: a fault in the program: unknown task, value that is not JSON
"""

from __future__ import annotations

import importlib
import json
import os
import tempfile
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from bot.errors import ClipError, TaggerError, TooLargePicture
from bot.media.sandbox.limits import SandboxLimits, allow_cpu, limit_resources, seal

if TYPE_CHECKING:
    from collections.abc import Callable

    Task = Callable[[dict[str, Any], "Parent"], Any]

MAX_DETAIL = 2000  # characters kept of a traceback; its last lines say most


def main(settings: str) -> None:
    """Run tasks until the parent closes our standard input."""
    chosen = json.loads(settings)
    limits = SandboxLimits(**chosen["limits"])
    commands, replies = _private_pipes()
    limit_resources(limits)
    for name in chosen["modules"]:
        _load(name)
    confinement = seal(map(Path, chosen["readable"]), Path.cwd())
    parent = Parent(commands, replies)
    child = _Child(parent, limits, home=os.getcwd())  # noqa: PTH109 - a plain string for chdir
    parent.send({"kind": "ready", "confinement": confinement})
    for line in commands:
        child.serve(json.loads(line))


def _load(name: str) -> None:
    """Import a module and all machine code that it may use: none can be loaded later."""
    module = importlib.import_module(name)
    if load_everything := getattr(module, "load_everything", None):
        load_everything()


def _private_pipes() -> tuple[BinaryIO, BinaryIO]:
    """Move the protocol away from descriptors 0 and 1, which any library may use."""
    commands, replies = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    return commands, replies


class Parent:
    """The process that gave the task. Call it to report progress; ``ask`` it a question."""

    def __init__(self, commands: BinaryIO, replies: BinaryIO) -> None:
        self._commands = commands
        self._replies = replies

    def __call__(self, value: Any) -> None:
        """Report progress, as a JSON value."""
        self.send({"kind": "progress", "value": value})

    def ask(self, value: Any) -> Any:
        """Ask a question, as a JSON value, and wait for the answer."""
        self.send({"kind": "question", "value": value})
        return json.loads(self._commands.readline())["answer"]

    def send(self, message: dict[str, Any]) -> None:
        """Send one message."""
        self._replies.write(json.dumps(message).encode() + b"\n")
        self._replies.flush()


class _Child:
    def __init__(self, parent: Parent, limits: SandboxLimits, home: str) -> None:
        self._parent = parent
        self._limits = limits
        self._home = home

    def serve(self, command: dict[str, Any]) -> None:
        """Run one task in its own folder and send the answer."""
        allow_cpu(command["seconds"], self._limits.threads)
        _move_to(command["folder"])
        self._parent.send({"kind": "started"})
        answer = self._answer(command)
        _move_to(self._home)
        try:
            self._parent.send(answer)
        except (TypeError, ValueError):
            self._parent.send({"kind": "broken", "detail": _last_lines()})

    def _answer(self, command: dict[str, Any]) -> dict[str, Any]:
        try:
            function = _resolve(command["task"])
        except Exception:  # noqa: BLE001 - the parent reports whatever an import raises
            return {"kind": "broken", "detail": _last_lines()}
        try:
            return {"kind": "done", "value": function(command["request"], self._parent)}
        except (ClipError, TaggerError) as error:
            return {"kind": "refused", "error": error.record().as_dict()}
        except Exception as error:  # noqa: BLE001 - the parent reports whatever a decoder raises
            if not _is_out_of_memory(error):
                return {"kind": "failed", "detail": _last_lines()}
            refusal = TooLargePicture(reason="memory", detail=_last_lines())  # the limit is ours
            return {"kind": "refused", "error": refusal.record().as_dict()}


def _is_out_of_memory(error: Exception) -> bool:
    """Return whether memory ran out; onnxruntime has no exception of its own for that."""
    return isinstance(error, MemoryError) or "bad_alloc" in str(error)


def _move_to(folder: str) -> None:
    os.chdir(folder)
    os.environ["TMPDIR"] = folder
    tempfile.tempdir = None  # drop the cached folder of the task before


def _resolve(name: str) -> Task:
    module, _, function = name.partition(":")
    found: Task = getattr(importlib.import_module(module), function)
    return found


def _last_lines() -> str:
    return traceback.format_exc()[-MAX_DETAIL:]
