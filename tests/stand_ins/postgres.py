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

# In no order, as foreign keys are not checked meanwhile. Counting starts anew.
_DELETE_ROWS = """DO $$
DECLARE relation record; filled boolean;
BEGIN
    SET LOCAL session_replication_role = replica;
    FOR relation IN
        SELECT format('%I.%I', schemaname, tablename) AS name FROM pg_tables
        WHERE schemaname !~ '^(pg_|information_schema$)'
            AND tablename NOT IN ('schema_revision', 'dbos_migrations')
    LOOP
        EXECUTE 'SELECT EXISTS (SELECT FROM ' || relation.name || ')' INTO filled;
        IF filled THEN
            EXECUTE 'DELETE FROM ' || relation.name;
        END IF;
    END LOOP;
    FOR relation IN
        SELECT format('%I.%I', schemaname, sequencename) AS name FROM pg_sequences
        WHERE last_value IS NOT NULL
    LOOP
        EXECUTE 'ALTER SEQUENCE ' || relation.name || ' RESTART';
    END LOOP;
END $$"""
_RELATIONS = "SELECT count(*), max(oid) FROM pg_class WHERE relnamespace >= 2200"

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
    _copies: dict[str, list[tuple[str, object]]] = field(default_factory=dict)

    @contextmanager
    def database(self) -> Iterator[str]:
        """Yield the address of an empty database, and empty it afterwards.

        Databases are reused, as creating one takes ten times as long as emptying it.
        """
        url = self._empty.pop() if self._empty else self.make()
        try:
            yield url
        finally:
            self.clear(url)
            self._empty.append(url)

    @contextmanager
    def copy(self, template: str) -> Iterator[str]:
        """Yield the address of a copy of a database that has tables but no rows.

        Nothing may be connected to the database at ``template``. Copies are reused, as making one
        takes ten times as long as deleting its rows.
        """
        copies = self._copies.setdefault(template, [])
        url, relations = copies.pop() if copies else self._copy(template)
        try:
            yield url
        finally:
            self._reopen(url)
            with psycopg.connect(url, autocommit=True) as connection:
                connection.execute(_DELETE_ROWS)
                unchanged = connection.execute(_RELATIONS).fetchone() == relations
            if unchanged:
                copies.append((url, relations))

    def _copy(self, template: str) -> tuple[str, object]:
        url = self.make(template)
        with psycopg.connect(url) as connection:
            return url, connection.execute(_RELATIONS).fetchone()

    def make(self, template: str = "template1") -> str:
        """Create a database like another one and return its address."""
        url = self.address(f"test_{next(self._numbers)}")
        create = sql.SQL("CREATE DATABASE {} TEMPLATE {}")
        self.administer(create.format(_name(url), _name(template)))
        return url

    def clear(self, url: str) -> None:
        """Drop all connections to a database and everything in it."""
        self._reopen(url)
        with psycopg.connect(url, autocommit=True) as connection:
            for (schema,) in connection.execute(_SCHEMAS).fetchall():
                drop = sql.SQL("DROP SCHEMA {} CASCADE").format(sql.Identifier(schema))
                connection.execute(drop)
            connection.execute("CREATE SCHEMA public")

    def _reopen(self, url: str) -> None:
        """Drop all connections to a database, and allow them again with the usual settings."""
        database = _name(url)
        self.administer(
            _CUT_CONNECTIONS.format(sql.Literal(url.rpartition("/")[2])),
            sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS true").format(database),
            sql.SQL("ALTER DATABASE {} RESET ALL").format(database),
        )

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


def _name(url: str) -> sql.Identifier:
    return sql.Identifier(url.rpartition("/")[2])


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
