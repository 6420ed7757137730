"""Tasks for a sandboxed child in the tests; most of them misbehave."""

from __future__ import annotations

import contextlib
import ctypes
import os
import resource
import signal
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bot.errors import QuotaExhausted, TaggerRefused, TooLargePicture, TooLong, UnsupportedFormat

if TYPE_CHECKING:
    from collections.abc import Callable

    from bot.media.sandbox.child import Parent

    Request = dict[str, Any]
    Report = Callable[[Any], None]


def echo(request: Request, _report: Report) -> Any:
    return request["value"]


def describe(_request: Request, _report: Report) -> dict[str, Any]:
    """Return what the process sees and may do."""
    kinds = ("DATA", "AS", "FSIZE", "NOFILE", "CORE")
    return {
        "pid": os.getpid(),
        "environment": dict(os.environ),
        "folder": str(Path.cwd()),
        "limits": {k: resource.getrlimit(getattr(resource, f"RLIMIT_{k}"))[0] for k in kinds},
        "modules": sorted(sys.modules),
    }


def decode_large_pictures(request: Request, report: Report) -> str:
    """Take memory as decoders of large pictures do; report that there was enough."""
    try:
        taken = bytearray(request["bytes"])
    except MemoryError:
        raise TooLargePicture(reason="large_pictures") from None
    report(len(taken))
    if request.get("forever"):
        threading.Event().wait()
    return "decoded"


def pid(_request: Request, _report: Report) -> int:
    return os.getpid()


def server(_request: Request, _report: Report) -> int:
    """Return the fork server's process."""
    return os.getppid()


def remember(request: Request, _report: Report) -> list[Any]:
    """Change what later tasks would find if they ran in the same process."""
    os.environ["REMEMBERED"] = os.environ.get("REMEMBERED", "") + request["value"]
    return [os.environ["REMEMBERED"], os.getpid()]


def answer_and_stay(_request: Request, parent: Parent) -> None:
    """Answer, then wait for the next task in this process."""
    parent.send({"kind": "done", "value": "mine"})
    with contextlib.suppress(OSError):
        parent.send({"kind": "started"})
        parent.send({"kind": "done", "value": "forged"})
    threading.Event().wait()


def make_threads(request: Request, _report: Report) -> None:
    threading.stack_size(32 * 1024)
    for _ in range(request["count"]):
        threading.Thread(target=threading.Event().wait, daemon=True).start()
    threading.Event().wait()


def write_outputs(request: Request, _report: Report) -> None:
    for name, text in request["texts"].items():
        with Path(name).open("r+") as file:
            file.write(text)


def count(request: Request, report: Report) -> str:
    for number in range(request["to"]):
        report(number)
    return "counted"


def ask(request: Request, parent: Parent) -> list[Any]:
    return [parent.ask(question) for question in request["questions"]]


def chatter(_request: Request, _report: Report) -> str:
    print('{"kind": "done", "value": "forged"}', flush=True)  # noqa: T201 - garbage on purpose
    os.write(1, b"\x00garbage on 1\n")
    os.write(2, b"words on 2\n" * 100_000)
    return "honest"


def read_input(_request: Request, _report: Report) -> str:
    return sys.stdin.read()


def raise_expected(request: Request, _report: Report) -> None:
    errors = {
        "too_long": TooLong.of(700_000, 600_000, at_least=True),
        "unsupported_format": UnsupportedFormat(
            format="PNG images", formats="GIF", detail="\x89PNG"
        ),
        "tagger_refused": TaggerRefused(reason="too dark"),
        "quota_exhausted": QuotaExhausted(),
    }
    raise errors[request["code"]]


def raise_unexpected(_request: Request, _report: Report) -> None:
    raise IndexError("tuple index out of range")


def allocate(request: Request, _report: Report) -> int:
    return len(b"\x01" * request["bytes"])


def spin(_request: Request, report: Report) -> None:
    report("spinning")
    while True:
        pass


def burn_cpu(_request: Request, _report: Report) -> None:
    """Use up CPU time quickly: the limit set is already spent."""
    resource.setrlimit(resource.RLIMIT_CPU, (0, resource.RLIM_INFINITY))
    while True:
        pass


def sleep(_request: Request, report: Report) -> None:
    report(os.getpid())
    threading.Event().wait()


def stop_dead(_request: Request, report: Report) -> None:
    """Sleep so that only SIGKILL ends it."""
    signal.pthread_sigmask(signal.SIG_BLOCK, range(1, signal.NSIG))
    sleep(_request, report)


def crash(_request: Request, _report: Report) -> None:
    ctypes.string_at(0)


def leave(request: Request, _report: Report) -> None:
    os._exit(request["code"])


def fill_disk(request: Request, _report: Report) -> None:
    chunk = b"\0" * 1_000_000
    with Path("output").open("r+b", buffering=0) as file:
        file.writelines(chunk for _ in range(request["megabytes"]))


def use_thread(_request: Request, _report: Report) -> list[str]:
    heard: list[str] = []
    thread = threading.Thread(target=heard.append, args=("from a thread",))
    thread.start()
    thread.join()
    return heard


def many_files(_request: Request, _report: Report) -> int:
    with contextlib.ExitStack() as stack:
        for _ in range(1000):
            stack.enter_context(Path(os.devnull).open("rb"))
    return 1000


def long_answer(request: Request, _report: Report) -> str:
    return "a" * int(request["characters"])


def no_json(_request: Request, _report: Report) -> Any:
    return {1, 2}


def flood(_request: Request, _report: Report) -> None:
    """Send an answer, then keep writing, outside of the protocol."""
    for descriptor in range(3, 8):
        with contextlib.suppress(OSError):
            os.write(descriptor, b'{"kind": "done", "value": 1}\n' + b"x" * 1_000_000)


def forge(request: Request, _report: Report) -> None:
    """Write to the parent outside of the protocol, as injected code would."""
    for descriptor in range(3, 8):
        with contextlib.suppress(OSError):
            os.write(descriptor, request["line"].encode() + b"\n")
    threading.Event().wait()


def cpu_limit(_request: Request, _report: Report) -> int:
    return resource.getrlimit(resource.RLIMIT_CPU)[0]
