"""Restricting a process to some files with Landlock, and cutting it off from the network (Linux).

An attacker who takes over a decoder can open whatever its user can open: the settings with their
tokens, the database, other servers' clips. With Landlock the process can read the program's own
files and the models, and read and write a few files of its own. Everything else is denied: other
files, making, moving and removing files, other processes (a process in a Landlock domain cannot
trace or look into one outside it), TCP, and from kernel 6.12 signals and abstract sockets to
anybody outside.

https://docs.kernel.org/userspace-api/landlock.html; numbers from include/uapi/linux/landlock.h.
"""

from __future__ import annotations

import ctypes
import os
import stat
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

# The same numbers on every architecture.
_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_VERSION_FLAG = 1
_RULE_PATH_BENEATH = 1

_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_DIR = 1 << 0, 1 << 1, 1 << 2, 1 << 3
_ALL_OF_ABI_1 = (1 << 13) - 1  # these four, and removing and making files and folders
_REFER, _TRUNCATE, _IOCTL_DEVICE = 1 << 13, 1 << 14, 1 << 15  # since ABI 2, 3 and 5
_CONNECT_AND_BIND_TCP = 0b11  # since ABI 4
_SIGNALS_AND_ABSTRACT_SOCKETS = 0b11  # since ABI 6
_FILE_RIGHTS = _EXECUTE | _WRITE_FILE | _READ_FILE | _TRUNCATE | _IOCTL_DEVICE


class _Ruleset(ctypes.Structure):
    """struct landlock_ruleset_attr."""

    _fields_ = (
        ("files", ctypes.c_uint64),
        ("network", ctypes.c_uint64),
        ("scoped", ctypes.c_uint64),
    )


class _PathBeneath(ctypes.Structure):
    """struct landlock_path_beneath_attr."""

    _pack_ = 1
    _fields_ = (("allowed", ctypes.c_uint64), ("parent", ctypes.c_int32))


def abi_version() -> int:
    """Return the kernel's version of Landlock; 0 if it has none or it is switched off."""
    if sys.platform != "linux":
        return 0
    return max(0, _call(_CREATE_RULESET, None, ctypes.c_size_t(0), _VERSION_FLAG))


def restrict(readable: Iterable[Path], writable: Iterable[Path]) -> int:
    """Allow this process these files and folders for the rest of its life, and no others.

    ``readable`` are files, or folders with all they contain; paths that don't exist are skipped.
    The files ``writable`` may be read, written and truncated. Needs ``PR_SET_NO_NEW_PRIVS``.

    Returns the version of Landlock in force; 0 if the kernel has none, so that nothing changed.
    """
    version = abi_version()
    if not version:
        return 0
    ruleset = _create_ruleset(version)
    try:
        handled = _handled_files(version)
        for path in readable:
            _allow(ruleset, path, _READ_FILE | _READ_DIR)
        for path in writable:
            _allow(ruleset, path, handled & (_READ_FILE | _WRITE_FILE | _TRUNCATE))
        _check(_call(_RESTRICT_SELF, ruleset, 0))
    finally:
        os.close(ruleset)
    return version


def _create_ruleset(version: int) -> int:
    """Return a ruleset that denies all this version of Landlock can deny."""
    attributes = _Ruleset(
        _handled_files(version),
        _CONNECT_AND_BIND_TCP if version >= 4 else 0,  # noqa: PLR2004 - see above
        _SIGNALS_AND_ABSTRACT_SOCKETS if version >= 6 else 0,  # noqa: PLR2004 - see above
    )
    # Older kernels refuse a structure with fields they don't know.
    known = 8 if version < 4 else 16 if version < 6 else 24  # noqa: PLR2004 - bytes by version
    return _check(_call(_CREATE_RULESET, ctypes.byref(attributes), ctypes.c_size_t(known), 0))


def _handled_files(version: int) -> int:
    later = ((2, _REFER), (3, _TRUNCATE), (5, _IOCTL_DEVICE))
    return _ALL_OF_ABI_1 | sum(right for since, right in later if version >= since)


def _allow(ruleset: int, path: Path, rights: int) -> None:
    try:
        opened = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return
    try:
        if not stat.S_ISDIR(os.fstat(opened).st_mode):
            rights &= _FILE_RIGHTS
        rule = _PathBeneath(rights, opened)
        _check(_call(_ADD_RULE, ruleset, _RULE_PATH_BENEATH, ctypes.byref(rule), 0))
    finally:
        os.close(opened)


def _call(number: int, *arguments: object) -> int:
    """Make a system call; return its result, or -1 with ``errno`` set."""
    result: int = _libc().syscall(ctypes.c_long(number), *arguments)
    return result


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _check(result: int) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"Landlock: {os.strerror(number)}")
    return result
