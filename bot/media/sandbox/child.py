"""The process of one task: confine it, run the task, send the answer.

The parent writes one JSON object a line to the connection and reads one a line from it. Standard
input is empty, and whatever a library prints goes to standard error.

The parent sends ``task``, ``request``, the folders ``inputs`` and ``work``, the names of the files
``outputs``, ``memory`` and ``seconds``, and one ``answer`` to each question. The child sends
messages of these kinds:

    started    the process is confined; the task's clock starts
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
from typing import TYPE_CHECKING, Any

from bot.errors import ClipError, TaggerError, TooLargePicture
from bot.media.sandbox.limits import SandboxLimits, allow_cpu, limit_memory, seal

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    Task = Callable[[dict[str, Any], "Parent"], Any]

_ARENA_IS_FULL = "Failed to allocate memory for requested buffer"  # onnxruntime's arena
MAX_DETAIL = 2000  # characters kept of a traceback; its last lines say most


class Parent:
    """The process that gave the task. Call it to report progress; ``ask`` it a question."""

    def __init__(self, connection: int) -> None:
        self._incoming = os.fdopen(connection, "rb")
        self._outgoing = os.fdopen(os.dup(connection), "wb")

    def __call__(self, value: Any) -> None:
        """Report progress, as a JSON value."""
        self.send({"kind": "progress", "value": value})

    def ask(self, value: Any) -> Any:
        """Ask a question, as a JSON value, and wait for the answer."""
        self.send({"kind": "question", "value": value})
        return self.receive()["answer"]

    def receive(self) -> dict[str, Any]:
        """Wait for a message of the parent's."""
        message: dict[str, Any] = json.loads(self._incoming.readline())
        return message

    def send(self, message: dict[str, Any]) -> None:
        """Send one message."""
        self._outgoing.write(json.dumps(message).encode() + b"\n")
        self._outgoing.flush()

    def close(self) -> None:
        """Close the connection."""
        self._incoming.close()
        self._outgoing.close()


def run(
    command: dict[str, Any], parent: Parent, limits: SandboxLimits, readable: Sequence[Path]
) -> None:
    """Confine this process for the rest of its life, run a task and send the answer.

    Besides ``readable``, the task can read the folder of its inputs. It can write only in the files
    that the parent made for it.
    """
    work = Path(command["work"])
    _move_to(command["work"])
    limit_memory(command["memory"])
    seal([*readable, Path(command["inputs"])], [work / name for name in command["outputs"]])
    allow_cpu(command["seconds"], limits.threads)
    parent.send({"kind": "started"})
    answer = _answer(command, parent)
    try:
        parent.send(answer)
    except (TypeError, ValueError):
        parent.send({"kind": "broken", "detail": _last_lines()})


def _answer(command: dict[str, Any], parent: Parent) -> dict[str, Any]:
    try:
        function = _resolve(command["task"])
    except Exception:  # noqa: BLE001 - the parent reports whatever an import raises
        return {"kind": "broken", "detail": _last_lines()}
    try:
        return {"kind": "done", "value": function(command["request"], parent)}
    except (ClipError, TaggerError) as error:
        return {"kind": "refused", "error": error.record().as_dict()}
    except Exception as error:  # noqa: BLE001 - the parent reports whatever a decoder raises
        if not is_out_of_memory(error):
            return {"kind": "failed", "detail": _last_lines()}
        refusal = TooLargePicture(reason="memory", detail=_last_lines())  # the limit is ours
        return {"kind": "refused", "error": refusal.record().as_dict()}


def is_out_of_memory(error: Exception) -> bool:
    """Return whether memory ran out; onnxruntime has no exception of its own for that."""
    said = str(error)
    return isinstance(error, MemoryError) or "bad_alloc" in said or _ARENA_IS_FULL in said


def _move_to(folder: str) -> None:
    os.chdir(folder)
    os.environ["TMPDIR"] = folder
    tempfile.tempdir = None  # drop the cached folder of the server


def _resolve(name: str) -> Task:
    module, _, function = name.partition(":")
    found: Task = getattr(importlib.import_module(module), function)
    return found


def _last_lines() -> str:
    return traceback.format_exc()[-MAX_DETAIL:]
