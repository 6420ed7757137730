"""Searching posted clips: those that match a query and that a person may see, newest or best first.

A search reads the newest messages that may match (``search_candidates``), checks which of their
clips do (``search_matches``), and goes on until there are enough.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TYPE_CHECKING

from sqlalchemy import func, literal_column, select

from bot.domain.query import (
    Order,
    ResolvedQuery,
)
from bot.storage import text_index
from bot.storage.among import among
from bot.storage.database import batched
from bot.storage.search_candidates import make_plan
from bot.storage.search_conditions import (
    ClauseParts,
    allowed,
    guild_of_posted,
    is_shown,
    is_visible,
)
from bot.storage.search_matches import Defaults, Matcher, read_evidence
from bot.storage.suggestions import Suggestions
from bot.storage.tables import job_records, posted_clips, search_concepts

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Collection, Mapping, Sequence

    from sqlalchemy import ColumnElement
    from sqlalchemy.ext.asyncio import AsyncConnection

    from bot.domain.query import QueryHit
    from bot.domain.search import Visibility
    from bot.storage.database import Database

COUNTED = 1_000
"""Results that are counted, and among which the best are found; there may be more."""

_posted, _concepts = posted_clips.c, search_concepts.c
# Written as in the index of private threads: SQLite doesn't use it for "private = 1".
_IS_PRIVATE: ColumnElement[bool] = literal_column("posted_clips.private")
_BATCH = 500
# Candidates read beyond those wanted, as some turn out not to match.
_SPARE = 100
# PostgreSQL's default is for slow disks: it would read a whole table rather than 500 rows of it.
_READ_BY_INDEX = "SET LOCAL random_page_cost = 1.1"
# If fewer clips match than this, words with one letter off match, too.
_FEW = 6


@dataclass(frozen=True, slots=True)
class FoundClips:
    """Some of the clips that match a query; ``count`` is that of all, or of the first ``COUNTED``.

    In the latter case, there are ``more``.
    """

    hits: tuple[QueryHit, ...]
    count: int
    more: bool = False


class SearchStore:
    """Searches posted clips at each server's threshold, or the operator's for a tagger.

    ``choosable`` are the models that servers can choose among: only what those chosen saw is found.
    """

    def __init__(
        self,
        database: Database,
        operator_thresholds: Mapping[str, float] = MappingProxyType({}),
        choosable: Collection[str] = (),
    ) -> None:
        self._database = database
        self._defaults = Defaults(operator_thresholds, choosable)
        self._suggestions = Suggestions(database, self._defaults)
        self._has_text_index: bool | None = None

    async def page(
        self, query: ResolvedQuery, order: Order = Order.NEWEST, *, limit: int, offset: int = 0
    ) -> FoundClips:
        """Return a page of the clips that match, with the number of all up to ``COUNTED``.

        Past the end it is the last page. The best are those of the newest ``COUNTED``.
        """
        found = await self._found(query, COUNTED + 1)
        count = min(len(found), COUNTED)
        ordered = sorted(found[:count], key=_goodness) if order is Order.BEST else found
        offset = max(0, min(offset, (count - 1) // limit * limit))
        hits = await self._with_replies(ordered[offset:count][:limit])
        return FoundClips(tuple(hits), count, more=len(found) > count)

    async def everything(self, query: ResolvedQuery) -> AsyncIterator[QueryHit]:
        """Yield all clips that match, newest first."""
        near = not await self._read(query, 1, near=False)
        before: int | None = None
        while found := await self._read(query, _BATCH, near=near, before=before):
            for hit in await self._with_replies(found):
                yield hit
            before = found[-1].message_id

    async def private_threads(self, query: ResolvedQuery, limit: int) -> list[int]:
        """Return private threads with clips that may match, the latest first.

        They are in the ``channels`` of the query's visibility, but not visible themselves yet.
        """
        visibility = query.visibility
        if visibility is None:
            return []
        where = [
            *allowed(_posted, replace(query, visibility=None)),
            *(_IS_PRIVATE, among(_posted.parent_id, visibility.channels)),
            *(~is_visible(visibility), is_shown()),
            *_may_hold(query),
        ]
        statement = (
            select(_posted.channel_id)
            .where(*where)
            .group_by(_posted.channel_id)
            .order_by(func.max(_posted.message_id).desc())
            .limit(limit)
        )
        async with self._database.reading() as connection:
            return list(await connection.scalars(statement))

    async def suggest(
        self,
        typed: str,
        *,
        guild_id: int | None,
        visibility: Visibility,
        hidden: Collection[str] = (),
        limit: int = 25,
    ) -> list[str]:
        """Return tags with a word that begins as typed, the most frequent first.

        Only the newest clips that the person may see count.
        """
        return await self._suggestions.tags(typed, guild_id, visibility, hidden=hidden, limit=limit)

    async def suggest_texts(
        self, typed: str, *, guild_id: int | None, visibility: Visibility, limit: int = 25
    ) -> list[str]:
        """Return lines on the screen that have what was typed, the most frequent first.

        Only the newest clips that the person may see count.
        """
        return await self._suggestions.texts(typed, guild_id, visibility, limit=limit)

    async def _found(self, query: ResolvedQuery, most: int) -> list[QueryHit]:
        """Return the newest clips that match; words may have one letter off if there are few."""
        found = await self._read(query, most, near=False)
        if len(found) < _FEW and _allows_typos(query):
            return await self._read(query, most, near=True)
        return found

    async def _read(
        self, query: ResolvedQuery, most: int, *, near: bool, before: int | None = None
    ) -> list[QueryHit]:
        found: list[QueryHit] = []
        async with self._database.reading() as connection:
            if self._database.is_postgresql:
                await connection.exec_driver_sql(_READ_BY_INDEX)
            has_index = await self._can_find_parts(connection)
            plan = await make_plan(connection, query, near=near, has_text_index=has_index)
            while len(found) < most:
                size = most - len(found) + _SPARE
                messages = (await connection.scalars(plan.candidates(before, size))).all()
                for some in batched(messages, min(_BATCH, most + _FEW)):
                    if len(found) < most:
                        evidence = await read_evidence(connection, query, some, near=near)
                        found += Matcher(query, self._defaults, evidence, near=near).hits()
                if len(messages) < size and plan.newest is None:
                    break
                before = messages[-1] if len(messages) == size else plan.newest
                plan = replace(plan, newest=None) if len(messages) < size else plan
        return found

    async def _can_find_parts(self, connection: AsyncConnection) -> bool:
        if self._has_text_index is None:
            self._has_text_index = await connection.run_sync(text_index.exists)
        return self._has_text_index

    async def _with_replies(self, hits: Sequence[QueryHit]) -> list[QueryHit]:
        """Add the messages to link to if commands brought the clips."""
        jobs = {f"interaction-{hit.message_id}": hit.message_id for hit in hits}
        columns = job_records.c
        statement = select(columns.job_id, columns.reply_id).where(columns.job_id.in_(jobs))
        async with self._database.reading() as connection:
            rows = await connection.execute(statement)
            replies = {jobs[row.job_id]: row.reply_id for row in rows}
        return [replace(hit, reply_id=replies.get(hit.message_id)) for hit in hits]


def _may_hold(query: ResolvedQuery) -> list[ColumnElement[bool]]:
    return [
        ClauseParts.of(clause, near=False).holds(
            guild_of_posted(), _posted.message_id, query.min_score
        )
        for clause in query.clauses
        if not clause.excluded
    ]


def _allows_typos(query: ResolvedQuery) -> bool:
    return any(term.allows_typo for clause in query.clauses for term in clause.terms)


def _goodness(hit: QueryHit) -> tuple[bool, int, float, int]:
    """Return what the best clips are sorted by.

    First come those in which all matches are together, then the better kinds of matches, the higher
    scores, and the newest.
    """
    kinds = sum(match.kind for match in hit.matches)
    scores = sum(match.score for match in hit.matches)
    return not hit.is_together, kinds, -scores, -hit.message_id
