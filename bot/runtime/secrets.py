"""Keeping secrets from other processes and from other users of the machine."""

from __future__ import annotations

import ctypes
import os
import stat
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import AliasChoices, SecretStr

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pydantic import BaseModel

_PR_SET_DUMPABLE = 4  # include/uapi/linux/prctl.h


def close_memory() -> None:
    """Let no other process without privileges look into this one (Linux).

    Debugging, core dumps, and reading ``mem`` and ``environ`` in ``/proc`` are refused to them.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)


def remove_from_environment(settings: BaseModel) -> None:
    """Remove the settings that are secrets from ``os.environ``, once they have been read.

    No program that this one starts inherits them. The kernel's copy, ``/proc/self/environ``, keeps
    them as long as the process lives; ``close_memory`` is what protects that copy.
    """
    names = set(_secret_names(settings))
    for name in [name for name in os.environ if name.upper() in names]:
        del os.environ[name]


def env_file_warning(env_file: Path = Path(".env")) -> str | None:
    """Return a sentence for the operator if everybody on this machine may read ``.env``."""
    try:
        mode = env_file.stat().st_mode
    except OSError:
        return None
    if sys.platform == "win32" or not mode & (stat.S_IROTH | stat.S_IWOTH):
        return None
    return f"other users of this machine can read or change {env_file}; run chmod 600 {env_file}"


def _secret_names(settings: BaseModel) -> Iterator[str]:
    """Yield the environment variables of all secret settings that have a value."""
    for name, field in type(settings).model_fields.items():
        if isinstance(getattr(settings, name), SecretStr):
            alias = field.validation_alias
            others = alias.choices if isinstance(alias, AliasChoices) else ()
            yield from map(str, (name.upper(), *others))
