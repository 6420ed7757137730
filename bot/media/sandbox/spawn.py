"""Starting a child process of the sandbox, and killing it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from asyncio.subprocess import Process

    from bot.media.sandbox.limits import SandboxLimits

# The child imports from the same places as its parent, and nothing from its working folder.
_BOOT = (
    "import sys; settings = sys.argv[1]; sys.path[:] = sys.argv[2:]; "
    "from bot.media.sandbox.child import main; main(settings)"
)
# The only variables a child inherits: no token and no database address among them.
_INHERITED = ("PATH", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "SYSTEMROOT")


@dataclass(frozen=True, slots=True)
class ChildSettings:
    """How to start a child: its working ``folder`` between tasks, limits, modules to import."""

    folder: Path
    limits: SandboxLimits
    warm: tuple[str, ...] = ()


async def spawn(settings: ChildSettings) -> Process:
    """Start a child that talks JSON over its standard input and output; raises ``OSError``."""
    return await asyncio.create_subprocess_exec(
        *_command(settings),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        cwd=settings.folder,
        env=_environment(str(settings.folder), settings.limits.threads),
        start_new_session=True,
        limit=settings.limits.message,
    )


def kill_group(process: Process) -> None:
    """Kill the child with every process it started."""
    with contextlib.suppress(ProcessLookupError):
        if sys.platform == "win32":
            process.kill()
        else:
            os.killpg(process.pid, signal.SIGKILL)  # a session's leader leads its group too


def describe_exit(code: int | None) -> str:
    """Return an exit code in words: ``SIGSEGV``, ``exit code 3``."""
    if code is None or code >= 0:
        return f"exit code {code}"
    with contextlib.suppress(ValueError):
        return signal.Signals(-code).name
    return f"signal {-code}"


def _command(settings: ChildSettings) -> list[str]:
    """Return a command line in isolated mode (-I) that prints a traceback if it crashes."""
    chosen = json.dumps({"limits": asdict(settings.limits), "warm": settings.warm})
    options = ["-I", "-X", "faulthandler", "-X", "utf8", "-c", _BOOT, chosen]
    paths = [str(Path(entry).absolute()) for entry in sys.path]
    return [sys.executable, *options, *paths]


def _environment(folder: str, threads: int) -> dict[str, str]:
    inherited = {name: os.environ[name] for name in _INHERITED if name in os.environ}
    return {
        **inherited,
        "TMPDIR": folder,
        # Each malloc arena and each thread of a numerical library reserves memory of its own.
        "MALLOC_ARENA_MAX": "2",
        "OMP_NUM_THREADS": str(threads),
        "OPENBLAS_NUM_THREADS": str(threads),
    }
