"""A task that does what an attacker would do with a child taken over; each attempt must fail."""

from __future__ import annotations

import ctypes
import fcntl
import mmap
import os
import resource
import signal
import socket
import termios
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

_LIBC = ctypes.CDLL(None, use_errno=True)
_IS_X86 = os.uname().machine == "x86_64"
# Numbers of calls that libc has no function for, on x86-64 and on arm64.
_NUMBERS = {
    "keyctl": (250, 219),
    "add_key": (248, 217),
    "bpf": (321, 280),
    "io_uring_setup": (425, 425),
    "userfaultfd": (323, 282),
    "perf_event_open": (298, 241),
    "pidfd_open": (434, 434),
    "open_tree": (428, 428),
    "clone3": (435, 435),
    "memfd_secret": (447, 447),
    "seccomp": (317, 277),
    "a call of the future": (600, 600),
}
_CLONE_NEWUSER = 0x10000000


def attack(request: dict[str, Any], _report: Callable[[Any], None]) -> dict[str, str]:
    """Try everything; return what came of each attempt, ``denied`` if all is well.

    ``secrets`` are files that must stay unread, ``folders`` those that must stay unwritten.
    """
    clip = Path(request["files"][0])
    attempts: dict[str, Callable[[], object]] = {
        **{f"read {path}": _reading(path) for path in (*_HOST_FILES, *request["secrets"])},
        **{f"list {path}": _listing(path) for path in ("/", "/home", *request["folders"])},
        **{f"write to {path}": _writing(path) for path in (*request["folders"], "/tmp")},  # noqa: S108 - must be denied
        **_attempts_on_clip(clip),
        **_attempts_on_parent(os.getppid()),
        **_attempts_to_execute(),
        **_attempts_to_connect(),
        **{name: _calling(name) for name in _NUMBERS},
    }
    return {name: _outcome(attempt) for name, attempt in attempts.items()}


def _outcome(attempt: Callable[[], object]) -> str:
    try:
        result = attempt()
    except OSError:
        return "denied"
    return f"ALLOWED: {result!r}"[:200]


_HOST_FILES = (
    "/etc/passwd",
    "/etc/hostname",
    "/proc/self/environ",
    "/proc/self/maps",
    "/proc/1/environ",
    "/proc/version",
    f"/proc/{os.getppid()}/environ",
    f"/proc/{os.getppid()}/cmdline",
    f"/proc/{os.getppid()}/mem",
    "/sys/kernel/mm/transparent_hugepage/enabled",
)


def _reading(path: str) -> Callable[[], object]:
    return lambda: Path(path).read_bytes()[:20]


def _listing(path: str) -> Callable[[], object]:
    return lambda: os.listdir(path)  # noqa: PTH208 - the plain call


def _writing(folder: str) -> Callable[[], object]:
    return lambda: (Path(folder) / "planted").write_text("x")


def _attempts_on_clip(clip: Path) -> dict[str, Callable[[], object]]:
    here = Path("stolen")
    return {
        "write to the clip": lambda: clip.open("r+b"),
        "truncate the clip": lambda: os.truncate(clip, 0),
        "open and truncate the clip": lambda: os.open(clip, os.O_RDONLY | os.O_TRUNC),
        "truncate the clip in a mode of its own": lambda: os.open(clip, 3 | os.O_TRUNC),
        "remove the clip": clip.unlink,
        "move the clip": lambda: clip.rename(here),
        "link the clip": lambda: os.link(clip, here),
        "change the clip's mode": lambda: clip.chmod(0o666),
        "change the clip's times": lambda: os.utime(clip, (0, 0)),
        "give the clip an attribute": lambda: os.setxattr(clip, "user.x", b"y"),
        "add a file beside the clip": lambda: (clip.parent / "planted").write_text("x"),
        "make a file": lambda: here.write_text("x"),
        "make a file without a name": lambda: os.open(Path.cwd(), os.O_TMPFILE | os.O_RDWR),
        "make a folder": here.mkdir,
        "list its own folder": lambda: os.listdir("."),  # noqa: PTH208 - the plain call
        "remove its own folder": Path.cwd().rmdir,
        "follow a link out": lambda: _follow("/etc/passwd"),
        "make a named pipe": lambda: os.mkfifo("pipe"),
        "make a device": lambda: os.mknod("device", 0o600 | 0o020000, os.makedev(1, 3)),
    }


def _follow(target: str) -> bytes:
    link = Path("way-out")
    link.symlink_to(target)
    return link.read_bytes()


def _attempts_on_parent(parent: int) -> dict[str, Callable[[], object]]:
    own_pipe = os.dup(2)
    return {
        "probe the parent": lambda: os.kill(parent, 0),
        "stop the parent": lambda: os.kill(parent, signal.SIGSTOP),
        "signal every process": lambda: os.kill(-1, 0),
        "signal a thread of the parent": lambda: _call_libc("tgkill", parent, parent, 0),
        "signal by a descriptor": lambda: fcntl.fcntl(own_pipe, fcntl.F_SETOWN, parent),
        "choose the descriptor's signal": lambda: fcntl.fcntl(own_pipe, 10, signal.SIGKILL),
        "lower the parent's limits": lambda: resource.prlimit(
            parent, resource.RLIMIT_NOFILE, (1, 1)
        ),
        "pin the parent": lambda: os.sched_setaffinity(parent, {0}),
        "slow the parent": lambda: os.setpriority(os.PRIO_PROCESS, parent, 19),
        "schedule the parent": lambda: os.sched_setscheduler(
            parent, os.SCHED_IDLE, os.sched_param(0)
        ),
        "trace the parent": lambda: _call_libc("ptrace", 16, parent, 0, 0),
        "read the parent's memory": lambda: _call_libc("process_vm_readv", parent, 0, 0, 0, 0, 0),
        "write the parent's memory": lambda: _call_libc("process_vm_writev", parent, 0, 0, 0, 0, 0),
        "type into the terminal": lambda: fcntl.ioctl(own_pipe, termios.TIOCSTI, b"x"),
    }


def _attempts_to_execute() -> dict[str, Callable[[], object]]:
    return {
        "fork": os.fork,
        "run a program": lambda: os.execv("/bin/true", ["true"]),  # noqa: S606 - must be denied
        "run a file of its own": _run_own_file,
        "make memory to write and execute": lambda: mmap.mmap(
            -1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC
        ),
        "make memory that no limit counts": lambda: mmap.mmap(-1, 4096, mmap.MAP_SHARED),
        "make memory executable": _protect_executable,
        "load a file of its own": _map_own_file,
        "load a library": lambda: _load_library("libresolv.so.2"),
        "a file in memory": lambda: os.memfd_create("x"),
        "a user namespace": lambda: _call_libc("unshare", _CLONE_NEWUSER),
        "another namespace": lambda: _call_libc("setns", 0, 0),
        "mount": lambda: _call_libc("mount", b"none", b".", b"tmpfs", 0, None),
        "change the root": lambda: os.chroot("."),
        "become somebody else": lambda: os.setuid(12345),
        "personality": lambda: _call_libc("personality", 0x0040000),
        "reboot": lambda: _call_libc("reboot", 0),
    }


def _run_own_file() -> None:
    Path("program").write_bytes(b"#!/bin/sh\n")
    os.execv("program", ["program"])  # noqa: S606, S607 - must be denied


def _protect_executable() -> object:
    memory = mmap.mmap(-1, 4096)
    address = ctypes.addressof(ctypes.c_char.from_buffer(memory))
    return _call_libc("mprotect", ctypes.c_void_p(address), ctypes.c_size_t(4096), 7)


def _map_own_file() -> object:
    Path("code").write_bytes(b"\xc3" * 4096)
    with Path("code").open("rb") as file:
        return mmap.mmap(file.fileno(), 4096, prot=mmap.PROT_READ | mmap.PROT_EXEC)


def _load_library(path: str) -> object:
    return ctypes.CDLL(path)


def _attempts_to_connect() -> dict[str, Callable[[], object]]:
    return {
        "a socket to the network": lambda: socket.socket(socket.AF_INET),
        "a socket to the network (IPv6)": lambda: socket.socket(socket.AF_INET6),
        "a local socket": lambda: socket.socket(socket.AF_UNIX),
        "a pair of sockets": socket.socketpair,
        "a socket to the kernel": lambda: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW),
        "shared memory": lambda: _call_libc("shmget", 1, 4096, 0o1600),
        "a message queue": lambda: _call_libc("msgget", 1, 0o1600),
    }


def _calling(name: str) -> Callable[[], object]:
    number = _NUMBERS[name][0 if _IS_X86 else 1]
    return lambda: _checked(_LIBC.syscall(ctypes.c_long(number), *[ctypes.c_long(0)] * 6))


def _call_libc(name: str, *arguments: object) -> int:
    return _checked(getattr(_LIBC, name)(*arguments))


def _checked(result: int) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return result
