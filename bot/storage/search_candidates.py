"""Finding the messages that may match a query, newest first, without reading all of them.

Each concept has its clips in order, so the newest are found at once, however many there are. Of
several clauses, the one with the fewest clips is read, and the others are looked up for each of
them. Texts come from the text index; a text that many clips have is found sooner by reading the
newest texts.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from sqlalchemy import func, literal, or_, select, union_all

from bot.storage.search_conditions import (
    ClauseParts,
    allowed,
    guild_of_posted,
    is_visible,
)
from bot.storage.tables import posted_clips, posted_concepts, posted_texts
from bot.storage.text_index import fts

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import ColumnElement, Select
    from sqlalchemy.ext.asyncio import AsyncConnection

    from bot.domain.query import ResolvedQuery
    from bot.storage.search_conditions import Columns, TextPart

_posted, _concepts, _texts = posted_clips.c, posted_concepts.c, posted_texts.c

# Texts read to learn how frequent a text is, and how many of them need to have it to be frequent.
_SAMPLE, _FREQUENT = 2_000, 100
# A text takes as long to read as so many clips with a concept: those of all servers are read.
_TEXT_COST = 8
# Somebody who sees so few channels outside of servers is searched for by channel.
_FEW_CHANNELS = 20
# Clips of several concepts are sorted, and so are texts: first, the newest clips are looked at.
_NEWEST = 50_000
# The newest texts in which a word too short for the text index is looked for.
_SHORT_WORD_TEXTS = 20_000


@dataclass(frozen=True, slots=True)
class Plan:
    """How to read the candidates of a query: the clause to start from, and the others.

    Without ``start``, posted clips are read. Frequent texts are read in order. With ``newest``,
    only that message and later ones are, whose texts have numbers from ``first_text`` on.
    """

    query: ResolvedQuery
    start: ClauseParts | None
    others: tuple[ClauseParts, ...]
    is_frequent: bool = False
    newest: int | None = None
    has_text_index: bool = True
    is_postgresql: bool = False
    first_text: int = 0

    def candidates(self, before: int | None, limit: int) -> Select[Any]:
        """Return the statement for the next messages, the newest first, before another one."""
        parts = [
            branch.order_by(branch.selected_columns[0].desc()).limit(limit).subquery()
            for branch in self.branches(before)
        ]
        if not parts:
            return select(literal(0).label("message_id")).where(literal(value=False))
        found = union_all(*(select(part.c.message_id) for part in parts)).subquery()
        message = found.c.message_id
        return select(message).distinct().order_by(message.desc()).limit(limit)

    def branches(self, before: int | None) -> Iterator[Select[Any]]:
        """Yield statements that find messages by one thing each."""
        if self.start is None:
            yield self._posted(before, by_guild=self.query.author_id is None)
            return
        yield from self._of_concepts(before)
        if self.start.games:
            clips = self._posted(before, by_guild=False)
            yield clips.where(_posted.game.in_(self.start.games))
        for part in self.start.texts:
            yield from self._of_text(part, before)

    def _here(
        self, columns: Columns, before: int | None, *, by_guild: bool = True
    ) -> Iterator[ColumnElement[bool]]:
        yield from allowed(columns, self.query, before, by_guild=by_guild)
        if self.newest is not None:
            yield columns.message_id >= self.newest

    def _posted(self, before: int | None, *, by_guild: bool) -> Select[Any]:
        author = self.query.author_id
        mine = [] if author is None else [_posted.author_id == author]
        where = [*self._here(_posted, before, by_guild=by_guild), *mine]
        return select(_posted.message_id).where(
            *where, *self._others(guild_of_posted(), _posted.message_id)
        )

    def _of_concepts(self, before: int | None) -> Iterator[Select[Any]]:
        assert self.start  # noqa: S101 - for mypy
        numbers = self.start.concepts
        least = self.query.min_score
        scored = [] if least is None else [_concepts.score > least]
        rest = [
            *scored,
            *self._here(_concepts, before),
            *self._others(_concepts.guild_id, _concepts.message_id),
        ]
        if numbers:
            one = _concepts.concept == numbers[0]
            which = one if len(numbers) == 1 else _concepts.concept.in_(numbers)
            yield select(_concepts.message_id).where(which, *rest)

    def _of_text(self, part: TextPart, before: int | None) -> Iterator[Select[Any]]:
        in_order = self.is_frequent or not self.has_text_index
        rest = [
            part.condition(),
            *self._here(_texts, before, by_guild=in_order),
            *self._others(_texts.guild_id, _texts.message_id),
        ]
        if in_order:
            yield select(_texts.message_id).where(*rest)
        elif not part.is_indexed:
            newest = _newest_texts(self.query, _SHORT_WORD_TEXTS)
            yield select(_texts.message_id).where(_texts.id.in_(newest), *rest)
        elif self.is_postgresql:
            # Kept apart so that it is read with the text index, not in the order of messages.
            apart = select(_texts.id).where(part.condition()).cte().prefix_with("MATERIALIZED")
            yield select(_texts.message_id).where(_texts.id.in_(select(apart.c.id)), *rest)
        else:
            for sought in part.sought():
                found = select(fts.c.rowid).where(fts.c.letters.like(f"%{sought}%"))
                if self.newest is not None:
                    found = found.where(fts.c.rowid >= self.first_text)
                yield select(_texts.message_id).where(_texts.id.in_(found), *rest)

    def _others(
        self, guild_id: ColumnElement[int], message_id: ColumnElement[int]
    ) -> Iterator[ColumnElement[bool]]:
        for parts in self.others:
            yield parts.holds(guild_id, message_id, self.query.min_score)


def _newest_texts(query: ResolvedQuery, limit: int) -> Select[Any]:
    where = allowed(_texts, query)
    return select(_texts.id).where(*where).order_by(_texts.message_id.desc()).limit(limit)


async def make_plan(
    connection: AsyncConnection,
    query: ResolvedQuery,
    *,
    near: bool,
    has_text_index: bool,
) -> Plan:
    """Choose the clause to start from, and how to read it, by what the newest clips have."""
    options = (has_text_index, connection.dialect.name == "postgresql")
    clauses = [ClauseParts.of(each, near=near) for each in query.clauses if not each.excluded]
    if query.author_id is not None or not clauses or _sees_few_channels(query):
        return Plan(query, None, tuple(clauses), False, None, *options)
    newest = await _newest(connection, query)
    shares = [0] * len(clauses)
    if len(clauses) > 1 and query.guild_id is not None:
        shares = [await _share(connection, query, each, newest) for each in clauses]
    start = clauses.pop(shares.index(min(shares)))
    is_frequent = await _is_frequent(connection, query, start)
    plan = Plan(query, start, tuple(clauses), is_frequent, None, *options)
    if newest is None or is_frequent or not (start.texts or len(start.concepts) > 1):
        return plan
    return replace(plan, newest=newest, first_text=await _first_text(connection, query, newest))


def _sees_few_channels(query: ResolvedQuery) -> bool:
    """Return whether a search outside of servers is by a person, who sees a private channel."""
    sight = query.visibility
    if query.guild_id is not None or sight is None:
        return False
    return len(sight.channels | sight.threads) <= _FEW_CHANNELS and not sight.managed


async def _newest(connection: AsyncConnection, query: ResolvedQuery) -> int | None:
    """Return the message from which on there are so many clips in the server."""
    if query.guild_id is None:
        return None
    messages = select(_posted.message_id).where(_posted.guild_id == query.guild_id)
    found = messages.order_by(_posted.message_id.desc()).limit(1).offset(_NEWEST)
    number: int | None = await connection.scalar(found)
    return number


async def _first_text(connection: AsyncConnection, query: ResolvedQuery, newest: int) -> int:
    """Return a number that all texts of a message and later ones have at least.

    Texts are numbered as they are stored, which is after their message was posted.
    """
    here = _texts.guild_id == query.guild_id, _texts.message_id >= newest
    number: int | None = await connection.scalar(select(func.min(_texts.id)).where(*here))
    return number or 0


async def _share(
    connection: AsyncConnection, query: ResolvedQuery, parts: ClauseParts, newest: int | None
) -> int:
    """Return about how many of the newest clips match, and how long it takes to read them."""
    recent = select(func.count()).where(
        _concepts.concept.in_(parts.concepts),
        _concepts.guild_id == query.guild_id,
        _concepts.message_id >= (newest or 0),
    )
    shown = await connection.scalar(recent) if parts.concepts else 0
    said = await _frequency(connection, replace(query, visibility=None), parts)
    return (shown or 0) + said * _TEXT_COST * _NEWEST // _SAMPLE


async def _is_frequent(
    connection: AsyncConnection, query: ResolvedQuery, parts: ClauseParts
) -> bool:
    """Return whether so many of the newest texts match that reading them in order is faster."""
    return await _frequency(connection, query, parts) >= _FREQUENT


async def _frequency(connection: AsyncConnection, query: ResolvedQuery, parts: ClauseParts) -> int:
    """Return how many of the newest texts match."""
    if not parts.texts or query.guild_id is None:
        return 0
    columns = (_texts.kind, _texts.letters, _texts.channel_id, _texts.parent_id, _texts.private)
    newest = (
        select(*columns)
        .where(_texts.guild_id == query.guild_id)
        .order_by(_texts.message_id.desc())
        .limit(_SAMPLE)
        .subquery()
    )
    sight = query.visibility
    seen = [] if sight is None else [is_visible(sight, newest.c)]
    matching = or_(*(part.condition(newest.c) for part in parts.texts))
    found = select(func.count()).select_from(newest).where(matching, *seen)
    return await connection.scalar(found) or 0
