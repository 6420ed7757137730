"""The last searches of each person, for the buttons under their results and for suggestions."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from sqlalchemy import delete, insert, or_, select, update

from bot.domain.erasure import Channel, Guild, Messages, Person
from bot.domain.search_request import SearchRequest
from bot.storage.tables import recent_searches

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement

    from bot.domain.erasure import Scope
    from bot.storage.database import Database

KEPT = 20
"""Searches of one person."""
KEPT_DAYS = 30

_columns = recent_searches.c
_LATEST_FIRST = (_columns.searched_at.desc(), _columns.id.desc())


class RecentSearchStore:
    """Searches by their number."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def save(self, user_id: int, guild_id: int | None, request: SearchRequest) -> int:
        """Store a search as the person's latest, and return its number; repeats keep theirs."""
        values = {"user_id": user_id, "guild_id": guild_id, "request": request.to_json()}
        same = [_columns[name].is_not_distinct_from(value) for name, value in values.items()]
        now = datetime.now(UTC)
        repeat = update(recent_searches).where(*same).values(searched_at=now)
        first = insert(recent_searches).values(**values, searched_at=now)
        latest = select(_columns.id).where(_columns.user_id == user_id)
        kept = latest.order_by(*_LATEST_FIRST).limit(KEPT)
        async with self._database.writing() as connection:
            number = await connection.scalar(repeat.returning(_columns.id))
            if number is None:
                number = await connection.scalar(first.returning(_columns.id))
            others = _columns.user_id == user_id, _columns.id.not_in(kept)
            await connection.execute(delete(recent_searches).where(*others))
        return int(number or 0)

    async def find(self, number: int, user_id: int) -> SearchRequest | None:
        """Return a search of a person; None if it is another's, or no longer there."""
        query = select(_columns.request).where(_columns.id == number, _columns.user_id == user_id)
        async with self._database.reading() as connection:
            text = await connection.scalar(query)
        return None if text is None else SearchRequest.from_json(text)

    async def latest(self, user_id: int, guild_id: int | None) -> list[SearchRequest]:
        """Return a person's searches in a server, or outside of servers, the latest first."""
        own = _columns.user_id == user_id, _columns.guild_id.is_not_distinct_from(guild_id)
        query = select(_columns.request).where(*own).order_by(*_LATEST_FIRST)
        async with self._database.reading() as connection:
            return list(map(SearchRequest.from_json, await connection.scalars(query)))

    async def erase(self, scope: Scope) -> None:
        """Erase the searches of a person or in a server, and those for a person or channel."""
        which: ColumnElement[bool]
        match scope:
            case Person(number):
                which = or_(_columns.user_id == number, _columns.request.contains(str(number)))
            case Guild(number):
                which = _columns.guild_id == number
            case Channel(number):
                which = _columns.request.contains(str(number))
            case Messages():
                return  # no search names a message
        async with self._database.writing() as connection:
            await connection.execute(delete(recent_searches).where(which))

    async def purge(self) -> int:
        """Erase what is too old, and return the count."""
        old = _columns.searched_at < datetime.now(UTC) - timedelta(days=KEPT_DAYS)
        async with self._database.writing() as connection:
            return (await connection.execute(delete(recent_searches).where(old))).rowcount
