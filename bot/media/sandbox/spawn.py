"""Starting a fork server of the sandbox, and killing it with its processes."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
import sysconfig
import tempfile
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    import socket
    from asyncio.subprocess import Process
    from collections.abc import Iterable, Iterator

    from bot.media.sandbox.limits import SandboxLimits

# The child imports from the same places as its parent, and nothing from its working folder.
_BOOT = (
    "import sys; settings = sys.argv[1]; sys.path[:] = sys.argv[2:]; "
    "from bot.media.sandbox.fork_server import main; main(settings)"
)
# The only variables a child inherits: no token and no database address among them.
_INHERITED = ("PATH", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "SYSTEMROOT")
# What the libraries read of the system. Shared libraries are not among it: all are loaded before a
# child is confined, and none can be loaded later.
_SYSTEM_FILES = (
    *("/dev/null", "/dev/urandom", "/proc/cpuinfo", "/sys/devices/system/cpu"),
    *("/etc/localtime", "/usr/share/zoneinfo"),
)
_LIBRARIES = ("stdlib", "platstdlib", "purelib", "platlib")


@dataclass(frozen=True, slots=True)
class ChildSettings:
    """How to start a fork server.

    ``folder`` is where children's own folders are made. The server imports ``modules``. Besides the
    program's own files and its inputs, a task may read ``readable``, such as models.
    """

    folder: Path
    limits: SandboxLimits
    modules: tuple[str, ...] = ()
    readable: tuple[Path, ...] = ()


@dataclass(frozen=True, slots=True)
class ChildFolder:
    """The folder of one child, with the folders of its tasks in ``inputs`` and ``work``."""

    path: Path

    @property
    def inputs(self) -> Path:
        """Where the parent puts the files of a task."""
        return self.path / "in"

    @property
    def work(self) -> Path:
        """Where tasks run, and leave their files."""
        return self.path / "work"

    @classmethod
    def make(cls, parent: Path) -> Self:
        """Make the folder; blocks for a moment."""
        made = cls(Path(tempfile.mkdtemp(prefix="child-", dir=parent)))
        made.inputs.mkdir()
        made.work.mkdir()
        return made


async def spawn(settings: ChildSettings, own: ChildFolder, control: socket.socket) -> Process:
    """Start a fork server that takes tasks from the socket ``control``; raises ``OSError``."""
    return await asyncio.create_subprocess_exec(
        *_command(settings),
        stdin=control.fileno(),
        stdout=control.fileno(),  # the server moves both; opening /dev/null would block
        stderr=asyncio.subprocess.PIPE,
        cwd=own.work,
        env=_environment(str(own.work), settings.limits.threads),
        start_new_session=True,
    )


def kill_group(process: Process) -> None:
    """Kill a fork server with every process it started."""
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
    readable = [*_program_files(settings.modules), *settings.readable]
    chosen = json.dumps(
        {
            "limits": asdict(settings.limits),
            "modules": settings.modules,
            "readable": [str(path.absolute()) for path in readable],
        }
    )
    options = ["-I", "-X", "faulthandler", "-X", "utf8", "-c", _BOOT, chosen]
    paths = [str(Path(entry).absolute()) for entry in sys.path]
    return [sys.executable, *options, *paths]


def _program_files(modules: Iterable[str]) -> Iterator[Path]:
    """Yield the files of the interpreter, its libraries, and the packages of these modules.

    Neither all of ``sys.path`` nor the folder of the virtual environment: both may be the folder
    that the settings are in.
    """
    yield from map(Path, _SYSTEM_FILES)
    yield from (Path(sysconfig.get_path(name)) for name in _LIBRARIES)
    yield from (Path(entry) for entry in sys.path if entry.endswith(("-packages", ".zip")))
    for package in {"bot", *(module.partition(".")[0] for module in modules)}:
        spec = find_spec(package)
        yield from map(Path, (spec and spec.submodule_search_locations) or ())


def _environment(folder: str, threads: int) -> dict[str, str]:
    inherited = {name: os.environ[name] for name in _INHERITED if name in os.environ}
    return {
        **inherited,
        "TMPDIR": folder,
        # Each malloc arena and each thread of a numerical library reserves memory of its own.
        "MALLOC_ARENA_MAX": "2",
        "OMP_NUM_THREADS": str(threads),
        # NumPy is used for no large matrices, and reserves 40 MB for each thread.
        "OPENBLAS_NUM_THREADS": "1",
    }
