"""A seccomp filter that allows only the system calls that decoding and models need (Linux).

An attacker who takes over a child can make any system call that its process may make. The filter
leaves reading and writing files that exist (``landlock`` decides which), memory, threads, clocks
and waiting. It denies everything else: making, moving and removing files, processes and programs,
sockets, namespaces, keys, tracing, signals to
other processes, limits and priorities of other processes, and memory that is executable or shared
(``RLIMIT_DATA`` does not count shared memory).

The list comes from tracing probes, tagging and proxies of all seven formats with ``strace -f``.
The filter is classic BPF (the kernel's Documentation/userspace-api/seccomp_filter.rst). Numbers are
from arch/x86/entry/syscalls/syscall_64.tbl and include/uapi/asm-generic/unistd.h.
"""

from __future__ import annotations

import ctypes
import errno
import os
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

# include/uapi/linux/prctl.h, include/uapi/linux/seccomp.h
_PR_SET_SECCOMP = 22
_MODE_FILTER = 2
_ALLOW = 0x7FFF0000
_FAIL = 0x00050000  # SECCOMP_RET_ERRNO, with the errno in the low bits
_DENY, _NO_SUCH_CALL = _FAIL | errno.EPERM, _FAIL | errno.ENOSYS

# include/uapi/linux/bpf_common.h: load a word, return, mask it, jump if it is equal, at least as
# large, or has any of these bits
_LOAD, _RETURN, _MASK = 0x20, 0x06, 0x54
_JUMP_EQUAL, _JUMP_AT_LEAST, _JUMP_ANY_BIT = 0x15, 0x35, 0x45

# struct seccomp_data: offsets of the call's number, the architecture and the low words of arguments
_NUMBER, _ARCHITECTURE, _ARGUMENTS = 0, 4, 16

_X32_BIT = 0x40000000  # __X32_SYSCALL_BIT: the same calls under other numbers
_CLONE_THREAD = 0x00010000  # include/uapi/linux/sched.h
_RLIMIT_CPU = 0  # include/uapi/asm-generic/resource.h
_PROT_EXEC = 4  # include/uapi/asm-generic/mman-common.h
_MAP_SHARED = 1  # include/uapi/linux/mman.h; MAP_SHARED_VALIDATE has this bit too
# include/uapi/asm-generic/fcntl.h
_O_ACCMODE, _O_TRUNC = 3, 0o1000
_O_CREAT, _O_TMPFILE = 0o100, 0o20000000
_PR_SET_NAME, _PR_SET_VMA = 15, 0x53564D41  # names of threads and of memory
# Duplicating and flags; F_SETOWN and F_SETSIG would send signals to other processes.
# include/uapi/asm-generic/fcntl.h: F_DUPFD, F_GETFD, F_SETFD, F_GETFL, F_SETFL, F_DUPFD_CLOEXEC
_FCNTL_COMMANDS = (0, 1, 2, 3, 4, 1030)
# include/uapi/asm-generic/ioctls.h: TCGETS (isatty), TIOCGWINSZ, FIONREAD, FIONCLEX, FIOCLEX
_IOCTL_REQUESTS = (0x5401, 0x5413, 0x541B, 0x5450, 0x5451)

# name: numbers on x86-64 and on arm64, None where the architecture lacks the call
_CALLS: dict[str, tuple[int, int | None]] = {
    # files; open and openat have conditions
    "read": (0, 63),
    "readv": (19, 65),
    "pread64": (17, 67),
    "preadv": (295, 69),
    "write": (1, 64),
    "writev": (20, 66),
    "pwrite64": (18, 68),
    "lseek": (8, 62),
    "close": (3, 57),
    "stat": (4, None),
    "fstat": (5, 80),
    "lstat": (6, None),
    "newfstatat": (262, 79),
    "statx": (332, 291),
    "access": (21, None),
    "faccessat": (269, 48),
    "faccessat2": (439, 439),
    "getdents64": (217, 61),
    "readlink": (89, None),
    "readlinkat": (267, 78),
    "getcwd": (79, 17),
    "chdir": (80, 49),
    "ftruncate": (77, 46),
    "fsync": (74, 82),
    "fadvise64": (221, 223),
    # fcntl and ioctl have conditions
    "dup": (32, 23),
    "dup2": (33, None),
    "dup3": (292, 24),
    "umask": (95, 166),
    # memory; mmap and mprotect have conditions
    "munmap": (11, 215),
    "mremap": (25, 216),
    "madvise": (28, 233),
    "brk": (12, 214),
    "membarrier": (324, 283),
    # threads and signals of this process; clone and tgkill have conditions
    "futex": (202, 98),
    "set_robust_list": (273, 99),
    "rseq": (334, 293),
    "gettid": (186, 178),
    "getpid": (39, 172),
    "getppid": (110, 173),
    "sched_getaffinity": (204, 123),
    "sched_yield": (24, 124),
    "exit": (60, 93),
    "exit_group": (231, 94),
    "restart_syscall": (219, 128),
    "rt_sigaction": (13, 134),
    "rt_sigprocmask": (14, 135),
    "rt_sigreturn": (15, 139),
    "sigaltstack": (131, 132),
    # clocks and waiting
    "clock_gettime": (228, 113),
    "clock_getres": (229, 114),
    "clock_nanosleep": (230, 115),
    "nanosleep": (35, 101),
    "gettimeofday": (96, 169),
    "time": (201, None),
    "times": (100, 153),
    "poll": (7, None),
    "ppoll": (271, 73),
    "select": (23, None),
    "pselect6": (270, 72),
    # what the process and the machine are
    "getrandom": (318, 278),
    "uname": (63, 160),
    "getuid": (102, 174),
    "geteuid": (107, 175),
    "getgid": (104, 176),
    "getegid": (108, 177),
    "getrusage": (98, 165),
    "getcpu": (309, 168),
    "sysinfo": (99, 179),
    # limits; prlimit64, by which libc also sets them, has conditions
    "getrlimit": (97, 163),
}


@dataclass(frozen=True, slots=True)
class _Architecture:
    """Numbers that differ; ``audit`` is its AUDIT_ARCH_* of include/uapi/linux/audit.h."""

    audit: int
    allowed: Sequence[int]
    openat: int
    mmap: int
    mprotect: int
    fcntl: int
    ioctl: int
    clone: int
    tgkill: int
    prlimit: int
    prctl: int
    open: int | None = None
    clone3: int = 435
    last: int = 470
    """Later calls are answered as unknown, so that libraries fall back to older ones."""


_ARCHITECTURES = {
    "x86_64": _Architecture(
        audit=0xC000003E,
        allowed=[numbers[0] for numbers in _CALLS.values()],
        open=2,
        openat=257,
        mmap=9,
        mprotect=10,
        fcntl=72,
        ioctl=16,
        clone=56,
        tgkill=234,
        prlimit=302,
        prctl=157,
    ),
    "aarch64": _Architecture(
        audit=0xC00000B7,
        allowed=[numbers[1] for numbers in _CALLS.values() if numbers[1] is not None],
        openat=56,
        mmap=222,
        mprotect=226,
        fcntl=25,
        ioctl=29,
        clone=220,
        tgkill=131,
        prlimit=261,
        prctl=167,
    ),
}


class _Program(ctypes.Structure):
    """struct sock_fprog."""

    _fields_ = (("length", ctypes.c_ushort), ("code", ctypes.c_char_p))


def is_supported() -> bool:
    """Return whether the system can filter calls, and we know the numbers of its calls."""
    libc = ctypes.CDLL(None, use_errno=True)
    # Without a program, the mode is refused for that (EFAULT) where it is known (EINVAL elsewhere).
    refused = libc.prctl(_PR_SET_SECCOMP, _MODE_FILTER, None, 0, 0) < 0
    known = refused and ctypes.get_errno() == errno.EFAULT
    return known and os.uname().machine in _ARCHITECTURES


def install_filter() -> bool:
    """Install the filter for the rest of this process; return whether the system supports it.

    Import everything before that loads machine code: none can be loaded or made afterwards.
    ``PR_SET_NO_NEW_PRIVS`` must be set.
    """
    architecture = _ARCHITECTURES.get(os.uname().machine)
    if architecture is None:
        return False
    code = b"".join(_program(architecture, os.getpid()))
    program = _Program(len(code) // 8, code)
    libc = ctypes.CDLL(None, use_errno=True)
    return bool(libc.prctl(_PR_SET_SECCOMP, _MODE_FILTER, ctypes.byref(program), 0, 0) == 0)


def _program(arch: _Architecture, pid: int) -> list[bytes]:
    """Return the filter's instructions, with the most frequent calls first."""
    return [
        _line(_LOAD, _ARCHITECTURE),
        _line(_JUMP_EQUAL, arch.audit, yes=1),
        _line(_RETURN, _DENY),
        _line(_LOAD, _NUMBER),
        _line(_JUMP_AT_LEAST, _X32_BIT, no=1),
        _line(_RETURN, _DENY),
        *_allow(arch.allowed),
        *([] if arch.open is None else _if_opening(arch.open, 1)),
        *_if_opening(arch.openat, 2),
        *_unless_bits(arch.mmap, {2: _PROT_EXEC, 3: _MAP_SHARED}),
        *_unless_bits(arch.mprotect, {2: _PROT_EXEC}),
        *_if_equal(arch.fcntl, 1, _FCNTL_COMMANDS),
        *_if_equal(arch.ioctl, 1, _IOCTL_REQUESTS),
        *_if_bits(arch.clone, 0, _CLONE_THREAD),
        *_if_equal(arch.tgkill, 0, (pid,)),
        *_prlimit(arch.prlimit, pid),
        *_if_equal(arch.prctl, 0, (_PR_SET_NAME, _PR_SET_VMA)),
        # clone3 takes its flags by pointer, which a filter cannot read; libc falls back to clone.
        _line(_JUMP_EQUAL, arch.clone3, no=1),
        _line(_RETURN, _NO_SUCH_CALL),
        _line(_JUMP_AT_LEAST, arch.last + 1, no=1),
        _line(_RETURN, _NO_SUCH_CALL),
        _line(_RETURN, _DENY),
    ]


def _allow(numbers: Iterable[int]) -> list[bytes]:
    lines = []
    for number in numbers:
        lines += [_line(_JUMP_EQUAL, number, no=1), _line(_RETURN, _ALLOW)]
    return lines


def _unless_bits(number: int, denied: dict[int, int]) -> list[bytes]:
    """Allow a call unless one of these arguments has any of these bits."""
    tests: list[bytes] = []
    for argument, bits in reversed(denied.items()):
        skipped = len(tests) + 1
        tests = [_load(argument), _line(_JUMP_ANY_BIT, bits, yes=skipped), *tests]
    return _conditional(number, tests)


def _if_bits(number: int, argument: int, bits: int) -> list[bytes]:
    """Allow a call if one of its arguments has any of these bits."""
    return _conditional(number, [_load(argument), _line(_JUMP_ANY_BIT, bits, no=1)])


def _if_opening(number: int, argument: int) -> list[bytes]:
    """Allow to open a file, unless that makes it or empties what is only read; by the flags.

    Landlock knows no right to truncate before its third version, but the right to write.
    """
    return _conditional(
        number,
        [
            _load(argument),
            _line(_JUMP_ANY_BIT, _O_CREAT | _O_TMPFILE, yes=4),
            _line(_MASK, _O_ACCMODE | _O_TRUNC),
            _line(_JUMP_EQUAL, _O_TRUNC, yes=2),
            _line(_JUMP_EQUAL, _O_ACCMODE | _O_TRUNC, yes=1),  # a mode with neither right
        ],
    )


def _if_equal(number: int, argument: int, values: Sequence[int]) -> list[bytes]:
    """Allow a call if one of its arguments has one of these values."""
    *others, last = values
    tests = [_line(_JUMP_EQUAL, value, yes=len(others) - at) for at, value in enumerate(others)]
    return _conditional(number, [_load(argument), *tests, _line(_JUMP_EQUAL, last, no=1)])


def _prlimit(number: int, pid: int) -> list[bytes]:
    """Allow this process to read its limits, and to set the one of its CPU time."""
    return _conditional(
        number,
        [
            _load(0),
            _line(_JUMP_EQUAL, 0, yes=1),
            _line(_JUMP_EQUAL, pid, no=7),
            _load(1),
            _line(_JUMP_EQUAL, _RLIMIT_CPU, yes=4),
            _load(2),  # the address of the new limit, if any
            _line(_JUMP_EQUAL, 0, no=3),
            _line(_LOAD, _ARGUMENTS + 8 * 2 + 4),
            _line(_JUMP_EQUAL, 0, no=1),
        ],
    )


def _conditional(number: int, tests: list[bytes]) -> list[bytes]:
    """Decide about a call by tests that jump over the next-to-last line if it is to be denied."""
    return [
        _line(_JUMP_EQUAL, number, no=len(tests) + 2),
        *tests,
        _line(_RETURN, _ALLOW),
        _line(_RETURN, _DENY),
    ]


def _load(argument: int) -> bytes:
    """Load the low word of one of the call's arguments."""
    return _line(_LOAD, _ARGUMENTS + 8 * argument)


def _line(code: int, value: int, *, yes: int = 0, no: int = 0) -> bytes:
    """Pack one struct sock_filter; ``yes`` and ``no`` are the instructions to skip."""
    return struct.pack("=HBBI", code, yes, no, value)
