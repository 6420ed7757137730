"""Changing settings in ``.env`` without touching the rest of the file."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from dotenv import dotenv_values

from bot.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

_NAME = re.compile(r"\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)\s*=")


def read_env(path: Path) -> dict[str, str]:
    """Return the settings in a file that have a value; none if there is no file."""
    return {name: value for name, value in dotenv_values(path).items() if value}


def change_env(path: Path, values: Mapping[str, str | None]) -> None:
    """Set settings in a file that only its owner can read; None removes one.

    The file is replaced at once, so that it is never half written. Raises ``ConfigError``.
    """
    try:
        text = path.read_text("utf-8") if path.exists() else ""
        _replace(path, "".join(f"{line}\n" for line in _changed(text, values)))
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError([f"can't write {path}: {error}"]) from error


def _changed(text: str, values: Mapping[str, str | None]) -> Iterator[str]:
    """Yield the lines of a file: each setting once, where it was, and new ones at the end."""
    left = dict(values)
    for line in text.splitlines():
        found = _NAME.match(line)
        if found is None or found[1] not in values:
            yield line
        elif value := left.pop(found[1], None):
            yield f"{found[1]}={value}"
    yield from (f"{name}={value}" for name, value in left.items() if value)


def _replace(path: Path, text: str) -> None:
    target = path.resolve()
    new = target.with_name(f"{target.name}.new")
    new.unlink(missing_ok=True)
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
    new.replace(target)
