"""A seccomp filter that denies system calls which decoding does not need (Linux).

An attacker who takes over a child can do whatever its process may do. With this filter the process
cannot start other processes or programs, use the network, or look into other processes.

The filter is classic BPF, as in the kernel's Documentation/userspace-api/seccomp_filter.rst. Call
numbers: arch/x86/entry/syscalls/syscall_64.tbl and include/uapi/asm-generic/unistd.h.
"""

from __future__ import annotations

import ctypes
import errno
import os
import struct
from dataclasses import dataclass

# include/uapi/linux/prctl.h, include/uapi/linux/seccomp.h
PR_SET_SECCOMP = 22
SECCOMP_MODE_FILTER = 2
ALLOW = 0x7FFF0000
FAIL_WITH = 0x00050000  # SECCOMP_RET_ERRNO, the errno in the low bits

# include/uapi/linux/bpf_common.h: load a word, jump if equal / greater or equal / any bit, return
LOAD, JUMP_EQUAL, JUMP_AT_LEAST, JUMP_ANY_BIT, RETURN = 0x20, 0x15, 0x35, 0x45, 0x06

# struct seccomp_data: offsets of the call's number, the architecture and the first argument
NUMBER, ARCHITECTURE, FIRST_ARGUMENT = 0, 4, 16

CLONE_THREAD = 0x00010000  # include/uapi/linux/sched.h
FOREIGN_CALLS = 0x40000000  # __X32_SYSCALL_BIT: the same calls under other numbers
CLONE3 = 435  # the same number everywhere


@dataclass(frozen=True, slots=True)
class _Machine:
    audit: int  # AUDIT_ARCH_* of include/uapi/linux/audit.h
    clone: int
    denied: tuple[int, ...]


# Denied: socket, socketpair, connect, bind, listen, fork, vfork, execve, ptrace, execveat,
# process_vm_readv, process_vm_writev, bpf, userfaultfd, io_uring_setup, pidfd_getfd,
# Not denied: kill, tkill, tgkill, as abort() raises a signal in its own process.
_X86_64 = _Machine(
    audit=0xC000003E,
    clone=56,
    denied=(41, 53, 42, 49, 50, 57, 58, 59, 101, 322, 310, 311, 321, 323, 425, 438),
)
_AARCH64 = _Machine(
    audit=0xC00000B7,
    clone=220,
    denied=(198, 199, 203, 200, 201, 221, 117, 281, 270, 271, 280, 282, 425, 438),
)
_MACHINES = {"x86_64": _X86_64, "aarch64": _AARCH64}


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("code", ctypes.c_char_p))


def install_filter() -> bool:
    """Install the filter for the rest of this process; return whether the system supports it.

    ``PR_SET_NO_NEW_PRIVS`` must be set before.
    """
    machine = _MACHINES.get(os.uname().machine)
    if machine is None:
        return False
    code = b"".join(_program(machine))
    program = _Program(len(code) // 8, code)
    libc = ctypes.CDLL(None, use_errno=True)
    return bool(libc.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.byref(program), 0, 0) == 0)


def _program(machine: _Machine) -> list[bytes]:
    """Return the filter: deny foreign calls, clone except for threads, and the list."""
    no_permission, no_such_call = FAIL_WITH | errno.EPERM, FAIL_WITH | errno.ENOSYS
    lines = [
        _line(LOAD, ARCHITECTURE),
        _line(JUMP_EQUAL, machine.audit, yes=1),
        _line(RETURN, no_permission),
        _line(LOAD, NUMBER),
        _line(JUMP_AT_LEAST, FOREIGN_CALLS, no=1),
        _line(RETURN, no_permission),
        # clone3 passes its flags by pointer, which a filter cannot read; libc falls back to clone.
        _line(JUMP_EQUAL, CLONE3, no=1),
        _line(RETURN, no_such_call),
    ]
    for number in machine.denied:
        lines += [_line(JUMP_EQUAL, number, no=1), _line(RETURN, no_permission)]
    return [
        *lines,
        _line(JUMP_EQUAL, machine.clone, no=3),
        _line(LOAD, FIRST_ARGUMENT),
        _line(JUMP_ANY_BIT, CLONE_THREAD, yes=1),
        _line(RETURN, no_permission),
        _line(RETURN, ALLOW),
    ]


def _line(code: int, value: int, *, yes: int = 0, no: int = 0) -> bytes:
    """Pack one struct sock_filter; ``yes`` and ``no`` are the instructions to skip."""
    return struct.pack("=HBBI", code, yes, no, value)
