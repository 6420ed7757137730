"""How SQLite reads what searches ask for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import event

from bot.domain.query import ResolvedQuery
from bot.domain.search import Visibility
from bot.storage.search import SearchStore

if TYPE_CHECKING:
    from bot.storage.database import Database


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_private_threads_are_found_by_their_own_index(database: Database) -> None:
    executed: list[tuple[str, Any]] = []
    engine = database._reader.sync_engine
    event.listen(engine, "before_cursor_execute", lambda *args: executed.append(args[2:4]))
    query = ResolvedQuery((), guild_id=1, visibility=Visibility(frozenset(range(200))))
    assert await SearchStore(database).private_threads(query, 25) == []
    statement, parameters = next(each for each in executed if each[0].startswith("SELECT"))
    async with database.reading() as connection:
        plan = await connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
        steps = [str(row.detail) for row in plan]
    assert "USING INDEX ix_posted_clips_private (guild_id=?)" in " ".join(steps)
