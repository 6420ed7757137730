"""People who opted out: their clips are not tagged."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import delete, select

from bot.storage.database import batched
from bot.storage.tables import opt_outs

if TYPE_CHECKING:
    from collections.abc import Iterable

    from bot.storage.database import Database


class OptOutStore:
    """Opt-outs by user ID."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def among(self, users: Iterable[int]) -> frozenset[int]:
        """Return those of ``users`` who opted out."""
        found: set[int] = set()
        async with self._database.reading() as connection:
            for some in batched(sorted(users)):
                query = select(opt_outs.c.user_id).where(opt_outs.c.user_id.in_(some))
                found |= set((await connection.scalars(query)).all())
        return frozenset(found)

    async def add(self, user_id: int) -> None:
        """Opt a person out."""
        statement = self._database.insert(opt_outs).values(user_id=user_id)
        async with self._database.writing() as connection:
            await connection.execute(statement.on_conflict_do_nothing())

    async def remove(self, user_id: int) -> None:
        """Opt a person in again."""
        async with self._database.writing() as connection:
            await connection.execute(delete(opt_outs).where(opt_outs.c.user_id == user_id))
