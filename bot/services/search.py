"""Use case: searching posted clips by words, and finding the seconds that show them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from bot.domain.query import MatchKind, Order
from bot.domain.search import PAGE_SIZE
from bot.domain.search_results import SearchPage

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Collection

    from bot.domain.query import Query, ResolvedQuery
    from bot.domain.search import Visibility
    from bot.domain.search_results import SearchResult
    from bot.services.query_resolver import QueryResolver
    from bot.services.search_reasons import ReasonFinder
    from bot.storage.guild_settings import GuildSettingsStore
    from bot.storage.search import FoundClips, SearchStore

_BATCH = 100
# Discord is asked about each of them whether the person is a member.
_MAX_THREADS = 25


@dataclass(frozen=True, slots=True)
class Search:
    """A search that can be run: the query, and a ``broader`` one in case it finds no tag."""

    query: ResolvedQuery
    broader: ResolvedQuery

    def seen_by(self, visibility: Visibility) -> Search:
        """Return the search of somebody who sees only some channels and threads."""
        return Search(
            replace(self.query, visibility=visibility),
            replace(self.broader, visibility=visibility),
        )


class ClipSearch:
    """Searches posted clips by what is in them, at each server's threshold."""

    def __init__(
        self,
        index: SearchStore,
        resolver: QueryResolver,
        reasons: ReasonFinder,
        settings: GuildSettingsStore,
    ) -> None:
        self._index = index
        self._resolver = resolver
        self._reasons = reasons
        self._settings = settings

    async def prepare(self, query: Query, filters: ResolvedQuery) -> Search:
        """Return the search for a query, given what else must hold; raises ``TooManyWords``."""
        hidden = await self._hidden(filters.guild_id)
        narrow = await self._resolver.resolve(query.clauses, hidden)
        broader = await self._resolver.resolve(query.clauses, hidden, broader=True)
        dated = replace(filters, since=query.since, until=query.until)
        return Search(replace(dated, clauses=narrow), replace(dated, clauses=broader))

    async def suggest(self, typed: str, guild_id: int | None, visibility: Visibility) -> list[str]:
        """Return visible tags with a word that begins as typed, the most frequent first."""
        return await self._index.suggest(
            typed,
            guild_id=guild_id,
            visibility=visibility,
            hidden=await self._hidden(guild_id),
        )

    async def suggest_texts(
        self, typed: str, guild_id: int | None, visibility: Visibility
    ) -> list[str]:
        """Return visible lines on the screen that have what was typed, the most frequent first."""
        return await self._index.suggest_texts(typed, guild_id=guild_id, visibility=visibility)

    async def private_threads(self, search: Search) -> list[int]:
        """Return private threads with results, the latest few.

        Whether a person may see them depends on whether they are a member, so the caller checks.
        """
        return await self._index.private_threads(search.broader, _MAX_THREADS)

    async def page(self, search: Search, title: str, order: Order, number: int) -> SearchPage:
        """Return a page of results, or the last page if there are fewer."""
        query, found = await self._found(search, order, number)
        results = await self._reasons.results(found.hits)
        number = min(number, max(0, (found.count - 1) // PAGE_SIZE))
        title = _own_name(query, results) or title
        return SearchPage(title, tuple(results), found.count, number, found.more, order)

    async def everything(self, search: Search) -> AsyncIterator[SearchResult]:
        """Yield all results, newest first."""
        query, _ = await self._found(search, Order.NEWEST, 0)
        batch = []
        async for hit in self._index.everything(query):
            batch.append(hit)
            if len(batch) == _BATCH:
                for result in await self._reasons.results(batch):
                    yield result
                batch = []
        for result in await self._reasons.results(batch):
            yield result

    async def _found(
        self, search: Search, order: Order, number: int
    ) -> tuple[ResolvedQuery, FoundClips]:
        """Return a page of hits, of the broader query if no tag is among the first ones."""
        query, page = search.query, partial(self._index.page, order=order, limit=PAGE_SIZE)
        if number == 0 or search.broader != query:
            found = await page(query)
            if search.broader != query and not _has_tag(found):
                query = search.broader
                found = await page(query)
            if number == 0:
                return query, found
        return query, await page(query, offset=number * PAGE_SIZE)

    async def _hidden(self, guild_id: int | None) -> Collection[str]:
        return (await self._settings.load(guild_id)).hidden_tags if guild_id else ()


def _has_tag(found: FoundClips) -> bool:
    return any(match.concept for hit in found.hits for match in hit.matches)


def _own_name(query: ResolvedQuery, results: Collection[SearchResult]) -> str:
    """Return the name of the tag that is all that was asked for; empty if it isn't."""
    reasons = {(reason.kind, reason.name) for result in results for reason in result.reasons}
    if len(query.clauses) == len(reasons) == 1 and not query.clauses[0].excluded:
        ((kind, name),) = reasons
        return name if kind is MatchKind.TAG else ""
    return ""
