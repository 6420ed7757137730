from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bot.storage.database import Database
from tests.stand_ins.postgres import free_port

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


@pytest.fixture
def unused_port() -> int:
    return free_port()


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    async with Database.open(database_url) as database:
        yield database
