"""Searches for a single concept, which most rules of searching can be shown with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bot.domain.concepts import TaggerIdentity
from bot.domain.query import MatchKind, ResolvedClause, ResolvedQuery, Term, TermMatch
from bot.domain.search import link_to, moment_of, normalize
from bot.storage.concepts import ConceptStore
from bot.storage.search import COUNTED, SearchStore

if TYPE_CHECKING:
    from datetime import datetime

    from bot.domain.query import QueryHit
    from bot.domain.search import IndexedConcept, Visibility


@dataclass(frozen=True, slots=True)
class SearchQuery:
    """A search for a concept, by its number in the index, with filters.

    ``guild_id`` None searches all servers and private channels. ``visibility`` None searches every
    channel, which only the operator may do. ``channel_id`` includes the threads of the channel.
    Messages posted at ``since`` or later and before ``until`` match. ``min_score`` replaces the
    threshold: a score must be above it.
    """

    concept: int
    guild_id: int | None = None
    channel_id: int | None = None
    author_id: int | None = None
    since: datetime | None = None
    until: datetime | None = None
    min_score: float | None = None
    visibility: Visibility | None = None


@dataclass(frozen=True, slots=True)
class SearchHit:
    """A posted clip with the concept, with a ``score`` above its server's ``threshold``.

    The clip is number ``position`` (from 1) of the ``clips`` in its message; None if that is not
    known. ``reply_id`` is the message to link to if a command brought the clip. If the concept
    ``is_game``, Discord says that the whole clip was recorded in it.
    """

    message_id: int
    guild_id: int | None
    channel_id: int
    author_id: int | None
    fingerprint: str
    tagger: TaggerIdentity
    score: float
    threshold: float
    position: int | None = None
    clips: int | None = None
    reply_id: int | None = None
    is_game: bool = False

    @property
    def posted_at(self) -> datetime:
        """When the message was posted, perhaps long before its clips were tagged."""
        return moment_of(self.message_id)

    @property
    def link(self) -> str:
        """A link to the message."""
        return link_to(self.guild_id, self.channel_id, self.reply_id or self.message_id)


class ConceptSearch(SearchStore):
    """Finds and counts posted clips with one concept."""

    async def named(self, name: str) -> IndexedConcept | None:
        """Return the concept with a name, in any case and with or without accents."""
        normalized = normalize(name)
        return (await ConceptStore(self._database).named({normalized})).get(normalized)

    async def count(self, query: SearchQuery) -> int:
        """Return the number of posted clips with a concept, up to ``COUNTED``."""
        return min(len(await self._found(resolved(query), COUNTED)), COUNTED)

    async def find(self, query: SearchQuery, *, limit: int, offset: int = 0) -> list[SearchHit]:
        """Return posted clips with a concept, newest first."""
        found = await self._found(resolved(query), offset + limit)
        return list(map(_search_hit, await self._with_replies(found[offset:][:limit])))


def resolved(query: SearchQuery) -> ResolvedQuery:
    """Return a search for one concept as a query."""
    term = TermMatch(Term(""), ((query.concept, MatchKind.TAG),))
    return ResolvedQuery(
        (ResolvedClause((term,)),),
        query.guild_id,
        query.channel_id,
        query.author_id,
        query.since,
        query.until,
        query.min_score,
        query.visibility,
    )


def _search_hit(hit: QueryHit) -> SearchHit:
    (match,) = hit.matches
    return SearchHit(
        message_id=hit.message_id,
        guild_id=hit.guild_id,
        channel_id=hit.channel_id,
        author_id=hit.author_id,
        fingerprint=hit.fingerprint,
        tagger=match.tagger or TaggerIdentity("", "", 0),
        score=match.score,
        threshold=match.threshold,
        position=hit.position,
        clips=hit.clips,
        reply_id=hit.reply_id,
        is_game=match.is_game,
    )
