"""A real PostgreSQL server for the duration of the tests."""

from __future__ import annotations

import base64
import hashlib
import hmac
import itertools
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
from psycopg import sql

if TYPE_CHECKING:
    from collections.abc import Iterator

USER = "framehound"
PASSWORD = "open-sesame"  # noqa: S105 - of a server on loopback that lives for seconds

# Each has ten seconds to end; its locks are free then.
_CUT_CONNECTIONS = sql.SQL(
    "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE datname = {}"
)
_SCHEMAS = (
    "SELECT nspname FROM pg_namespace WHERE nspname !~ '^pg_' AND nspname <> 'information_schema'"
)

# The data is not needed after the tests, so nothing has to reach the disk.
_SETTINGS = ("fsync=off", "full_page_writes=off", "shared_buffers=16MB")


@dataclass(frozen=True)
class Cluster:
    """A server's programs and files, and the user it runs as if we are root."""

    binaries: Path
    folder: Path
    user: str | None

    def make(self) -> None:
        password = self.folder / "password"
        password.write_text(_verifier(PASSWORD))
        self._run(
            "initdb",
            *("-D", self.folder / "db", "-U", USER, "-E", "UTF8", "--no-locale", "--no-sync"),
            *("--auth", "scram-sha-256", "--pwfile", password),
        )

    def start(self, port: int) -> None:
        settings = (
            *_SETTINGS,
            "listen_addresses=127.0.0.1",
            f"unix_socket_directories={self.folder}",
        )
        options = " ".join(f"-c {setting}" for setting in settings)
        self._control("start", "-w", "-l", self.folder / "log", "-o", f"-p {port} {options}")

    def stop(self) -> None:
        self._control("stop", "-m", "immediate")

    def _control(self, *arguments: str | Path) -> None:
        self._run("pg_ctl", *arguments, "-D", self.folder / "db")

    def _run(self, program: str, *arguments: str | Path) -> None:
        subprocess.run(
            (self.binaries / program, *arguments),
            check=True,
            cwd="/",
            stdin=subprocess.DEVNULL,
            # To a file, not a pipe: the server that pg_ctl leaves behind would hold the pipe open.
            stdout=subprocess.DEVNULL,
            user=self.user,
            extra_groups=[] if self.user else None,
        )


@dataclass(frozen=True)
class PostgresServer:
    """A running server on 127.0.0.1 that makes databases on demand."""

    port: int
    cluster: Cluster
    _numbers: Iterator[int] = field(default_factory=itertools.count)
    _empty: list[str] = field(default_factory=list)

    @contextmanager
    def database(self) -> Iterator[str]:
        """Yield the address of an empty database, and empty it afterwards.

        Databases are reused, as creating one takes ten times as long as emptying it.
        """
        url = self._empty.pop() if self._empty else self._make()
        try:
            yield url
        finally:
            self.clear(url)
            self._empty.append(url)

    def clear(self, url: str) -> None:
        """Drop all connections to a database and everything in it."""
        name = url.rpartition("/")[2]
        database = sql.Identifier(name)
        self.administer(
            _CUT_CONNECTIONS.format(sql.Literal(name)),
            sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS true").format(database),
            sql.SQL("ALTER DATABASE {} RESET ALL").format(database),
        )
        with psycopg.connect(url, autocommit=True) as connection:
            for (schema,) in connection.execute(_SCHEMAS).fetchall():
                drop = sql.SQL("DROP SCHEMA {} CASCADE").format(sql.Identifier(schema))
                connection.execute(drop)
            connection.execute("CREATE SCHEMA public")

    def address(self, name: str, password: str = PASSWORD) -> str:
        """Return the address of a database on this server."""
        return f"postgresql://{USER}:{password}@127.0.0.1:{self.port}/{name}"

    def restart(self) -> None:
        """Stop at once, as in a crash, and start again; every connection is lost."""
        self.cluster.stop()
        self.cluster.start(self.port)

    def administer(self, *statements: sql.Composed) -> None:
        """Run statements as the server's owner, outside of any transaction."""
        with psycopg.connect(self.address("postgres"), autocommit=True) as connection:
            for statement in statements:
                connection.execute(statement)

    def _make(self) -> str:
        name = f"test_{next(self._numbers)}"
        self.administer(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        return self.address(name)


def find_binaries() -> Path | None:
    """Return the folder with initdb and pg_ctl, of the newest version."""
    on_path = shutil.which("initdb")
    if on_path:
        return Path(on_path).resolve().parent
    debian = Path("/usr/lib/postgresql").glob("*/bin/initdb")
    return max((path.parent for path in debian), key=_version, default=None)


@contextmanager
def running_postgres(binaries: Path) -> Iterator[PostgresServer]:
    """Start a server in a folder of its own and stop it at the end."""
    # Not pytest's folder: its path is too long for a Unix socket and closed to other users.
    with tempfile.TemporaryDirectory(prefix="framehound-pg-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        cluster = Cluster(binaries, folder, _unprivileged_user(folder))
        cluster.make()
        port = free_port()
        cluster.start(port)
        try:
            yield PostgresServer(port, cluster)
        finally:
            cluster.stop()


def free_port() -> int:
    """Return a port of 127.0.0.1 on which nothing listens."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def _verifier(password: str) -> str:
    """Return what PostgreSQL stores of a password, hashed in one round instead of 4096.

    Tests connect some thousand times, and both sides compute every round each time. The form is
    that of https://www.postgresql.org/docs/current/catalog-pg-authid.html.
    """
    salt = os.urandom(16)
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, 1)
    client = hmac.digest(salted, b"Client Key", "sha256")
    keys = hashlib.sha256(client).digest(), hmac.digest(salted, b"Server Key", "sha256")
    salt64, stored, server = (base64.b64encode(key).decode() for key in (salt, *keys))
    return f"SCRAM-SHA-256$1:{salt64}${stored}:{server}"


def _version(folder: Path) -> int:
    return int(folder.parent.name)


def _unprivileged_user(folder: Path) -> str | None:
    """Give the folder to a user that the server may run as; it refuses to run as root."""
    if os.geteuid() != 0:
        return None
    known = {entry.pw_name for entry in pwd.getpwall()}
    user = "postgres" if "postgres" in known else "nobody"
    shutil.chown(folder, user)
    return user
