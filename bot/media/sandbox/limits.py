"""Limits that a child process puts on itself before it opens an untrusted file.

Linux enforces all of them; other systems enforce those they know.
"""

from __future__ import annotations

import ctypes
import math
import os
import signal
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bot.media.sandbox import landlock, seccomp

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

# include/uapi/linux/prctl.h
PR_SET_PDEATHSIG = 1
PR_SET_NO_NEW_PRIVS = 38
_ATTRIBUTES = 64  # bytes of a pthread_attr_t, at most
_STACK = 1024**2  # other systems' threads have half of that, and FFmpeg runs on them


@dataclass(frozen=True, slots=True)
class SandboxLimits:
    """The most a child may use.

    In bytes: ``memory`` (private writable memory), ``address_space`` (all mappings), ``file_size``
    (one written file) and ``message`` (one message to the parent). A task may use as much CPU time
    as ``threads`` busy threads do, and have ``all_threads``. A child must be ready within
    ``start_seconds``.

    A task that runs out of memory because its pictures are large is run again with
    ``memory_large``, for ``seconds_large`` at most, and no other such task beside it.
    docs/performance.md shows what clips need.
    """

    memory: int = 320 * 1024**2
    memory_large: int = 1024 * 1024**2
    seconds_large: float = 120.0
    address_space: int = 4 * 1024**3
    file_size: int = 64 * 1024**2
    open_files: int = 64
    message: int = 4 * 1024**2
    threads: int = 2
    all_threads: int = 64
    start_seconds: float = 30.0


def limit_resources(limits: SandboxLimits) -> None:
    """Set every limit, and die with the parent; ``limit_memory`` then sets a task's memory."""
    os.umask(0o077)
    _limit_resources(limits)
    _shrink_stacks()
    if sys.platform == "linux":
        _prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        _prctl(PR_SET_NO_NEW_PRIVS, 1)


def die_with_parent(parent: int) -> None:
    """Kill this process when the one that forked it ends, or now if it has ended (Linux)."""
    if sys.platform == "linux":
        _prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(1)


def seal(readable: Iterable[Path], writable: Iterable[Path]) -> None:
    """Take away files and system calls for the rest of the process's life (Linux).

    It can read the ``readable`` files and folders, and read and write the files ``writable``, but
    create none: what a task may write is bounded by their number and ``file_size``. No machine code
    can be loaded afterwards, so import everything first.
    """
    if sys.platform == "linux":
        landlock.restrict(readable, writable)
        seccomp.install_filter()


def allow_cpu(seconds: float, threads: int) -> None:
    """Allow ``seconds`` more CPU time for each of ``threads``; SIGXCPU ends the process after that.

    The parent's own time limit comes first. This one still holds if the parent died or is stopped.
    """
    if sys.platform == "win32":
        return
    import resource  # noqa: PLC0415 - Windows has no such module

    usage = resource.getrusage(resource.RUSAGE_SELF)
    allowed = math.ceil(usage.ru_utime + usage.ru_stime + seconds * threads) + 1
    _lower(resource.RLIMIT_CPU, allowed, resource.getrlimit(resource.RLIMIT_CPU)[1])


def limit_memory(memory: int) -> None:
    """Set how much memory this process may have, once and for all."""
    if sys.platform != "win32":
        import resource  # noqa: PLC0415 - Windows has no such module

        _lower(resource.RLIMIT_DATA, memory, memory)


def _limit_resources(limits: SandboxLimits) -> None:
    if sys.platform == "win32":
        return
    import resource  # noqa: PLC0415 - Windows has no such module

    for kind, value in (
        (resource.RLIMIT_AS, limits.address_space),
        (resource.RLIMIT_FSIZE, limits.file_size),
        (resource.RLIMIT_NOFILE, limits.open_files),
        (resource.RLIMIT_CORE, 0),
    ):
        _lower(kind, value, value)
    _lower(resource.RLIMIT_DATA, limits.memory, max(limits.memory, limits.memory_large))


def _shrink_stacks() -> None:
    """Let each new thread reserve little memory for its stack: all of it counts as used (glibc)."""
    libc = ctypes.CDLL(None)
    if hasattr(libc, "pthread_setattr_default_np"):
        attributes = ctypes.create_string_buffer(_ATTRIBUTES)
        libc.pthread_attr_init(attributes)
        libc.pthread_attr_setstacksize(attributes, ctypes.c_size_t(_STACK))
        libc.pthread_setattr_default_np(attributes)


def _lower(kind: int, soft: int, hard: int) -> None:
    """Set one limit, unless the inherited one is stricter."""
    import resource  # noqa: PLC0415 - Windows has no such module

    ceiling = resource.getrlimit(kind)[1]
    if ceiling != resource.RLIM_INFINITY:
        soft = min(soft, ceiling)
        hard = ceiling if hard == resource.RLIM_INFINITY else min(hard, ceiling)
    try:
        resource.setrlimit(kind, (soft, hard))
    except (OSError, ValueError):
        if sys.platform == "linux":
            raise  # macOS has RLIMIT_AS and RLIMIT_DATA but rejects them


def _prctl(option: int, value: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(option, ctypes.c_ulong(value), 0, 0, 0) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
