"""DATABASE_URL, read: which database, under which driver, and how to name it in public."""

from __future__ import annotations

from dataclasses import dataclass, field

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from bot.errors import ConfigError

_SQLITE = "sqlite:///"
_POSTGRES = "postgresql://"


@dataclass(frozen=True, slots=True)
class DatabaseAddress:
    """Where the database is; ``str`` of it is safe to show, for it has no secrets.

    ``url`` is for the async engine and does have them.
    """

    url: URL = field(repr=False)
    shown: str

    @classmethod
    def parse(cls, text: str) -> DatabaseAddress:
        """Read ``sqlite:///path`` or ``postgresql://user@host/db``; raises ConfigError."""
        if text.startswith(_SQLITE):
            return cls._of_file(text.removeprefix(_SQLITE))
        if text.startswith(_POSTGRES):
            return cls._of_server(_parse(text))
        raise _mistake(f"must begin with {_SQLITE} or {_POSTGRES}")

    @classmethod
    def _of_file(cls, path: str) -> DatabaseAddress:
        if path in {"", ":memory:"}:
            raise _mistake(f"must name a file, as in {_SQLITE}framehound.db")
        # Not parsed: the path of a folder may well have a % or a ? in it, and they mean themselves.
        return cls(URL.create("sqlite+aiosqlite", database=path), _SQLITE + path)

    @classmethod
    def _of_server(cls, url: URL) -> DatabaseAddress:
        if "@" in f"{url.host}{url.database}":
            # The parser took what follows a special character in a password for the host or the
            # database, and those are shown.
            raise _mistake("must have @ as %40, and / as %2F, inside a user's name or password")
        # libpq takes a password among the query's options too.
        shown = url.set(query={}).render_as_string(hide_password=True)
        return cls(url.set(drivername="postgresql+psycopg"), shown)

    def __str__(self) -> str:
        """Return the address without its password and options."""
        return self.shown

    @property
    def path(self) -> str | None:
        """The file of a SQLite database, None for PostgreSQL."""
        return self.url.database if self.url.get_backend_name() == "sqlite" else None


def _parse(text: str) -> URL:
    try:
        return make_url(text)
    except (ArgumentError, ValueError):
        # Not chained: the parser quotes the piece it stumbled over, which may be of the password.
        raise _mistake("is not an address of a database") from None


def _mistake(what: str) -> ConfigError:
    return ConfigError([f"DATABASE_URL: {what}."])
