"""``framehound backup``: copies the SQLite database and the queue, also while the bot runs."""

from __future__ import annotations

import os
import shlex
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from bot.errors import ConfigError
from bot.storage.engine import DatabaseAddress, queue_url

if TYPE_CHECKING:
    from bot.config import Config

_SQLITE = "sqlite:///"


def backup(config: Config, file: Path) -> None:
    """Copy the database to a new file, and the queue beside it; raises ``ConfigError``.

    Each copy is what the file held at one moment. The queue is copied first: a job that ends
    meanwhile is in both copies, and its record keeps it from being answered twice.
    """
    address = DatabaseAddress.parse(config.database)
    if address.path is None:
        command = f"pg_dump --format=custom --file {shlex.quote(str(file))} {address}"
        raise ConfigError([f"PostgreSQL has its own tool for this: {command}"])
    target = f"{_SQLITE}{file}"
    pairs = [
        (_path(queue_url(config.database)), _path(queue_url(target))),
        (Path(address.path), file),
    ]
    for _, copy in pairs:
        if copy.exists():
            raise ConfigError([f"{copy} exists already; name a file that doesn't"])
    made = [_copy(source, copy) for source, copy in pairs if source.exists() or copy == file]
    typer.echo(f"Copied {address} to {' and '.join(map(str, made))}.")
    typer.echo(f"To use the copy: DATABASE_URL={_SQLITE}{file.absolute()}")


def _path(url: str) -> Path:
    return Path(url.removeprefix(_SQLITE))


def _copy(source: Path, target: Path) -> Path:
    """Copy a database that others may write to; remove what was made if that fails."""
    if not source.exists():
        raise ConfigError([f"{source} does not exist; there is nothing to copy yet"])
    try:
        os.close(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    except OSError as error:
        raise ConfigError([f"can't make {target}: {error.strerror}"]) from error
    try:
        with closing(sqlite3.connect(source, isolation_level=None)) as connection:
            connection.execute("VACUUM INTO ?", (str(target),))
    except sqlite3.Error as error:
        target.unlink()
        raise ConfigError([f"can't copy {source}: {error}"]) from error
    return target
