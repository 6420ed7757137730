from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from bot.storage.database import Database
from tests.stand_ins.postgres import PostgresServer, find_binaries, free_port, running_postgres

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """One server for each of pytest's workers, started when the first test asks for it."""
    binaries = find_binaries()
    if binaries is not None:
        with running_postgres(binaries) as server:
            yield server
    elif "CI" in os.environ:
        pytest.fail("PostgreSQL is not installed here, and CI must not skip its tests")
    else:
        pytest.skip("PostgreSQL is not installed here")


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'framehound.db'}"


@pytest.fixture
def postgres_url(postgres: PostgresServer) -> Iterator[str]:
    with postgres.database() as url:
        yield url


@pytest.fixture
def unused_port() -> int:
    return free_port()


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> str:
    """An empty database of each kind."""
    name = "sqlite_url" if request.param == "sqlite" else "postgres_url"
    url: str = request.getfixturevalue(name)
    return url


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    async with Database.open(database_url) as database:
        yield database
