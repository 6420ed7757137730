"""Use case: searching posted clips by a tag, and finding the seconds that show it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from bot.domain.search import PAGE_SIZE, SearchPage, SearchResult, find_segments, normalize
from bot.domain.settings import GuildSettings
from bot.domain.timeline import Segment, count_seconds

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from bot.domain.search import IndexedConcept, SearchHit, SearchQuery, Visibility
    from bot.domain.settings import Smoothing
    from bot.storage.guild_settings import GuildSettingsStore
    from bot.storage.search import SearchStore
    from bot.storage.taggings import TaggingStore

_BATCH = 100
# Discord is asked about each of them whether the person is a member.
_MAX_THREADS = 25


class ClipSearch:
    """Searches posted clips by what they show, at each server's threshold."""

    def __init__(
        self, index: SearchStore, taggings: TaggingStore, settings: GuildSettingsStore
    ) -> None:
        self._index = index
        self._taggings = taggings
        self._settings = settings

    async def concept(self, tag: str | int, guild_id: int | None = None) -> IndexedConcept | None:
        """Return a concept by its name or number; None if it is unknown or the server hides it."""
        if isinstance(tag, int):
            concept = await self._index.numbered(tag)
        else:
            concept = await self._index.named(tag)
        hidden = {normalize(name) for name in (await self._load(guild_id)).hidden_tags}
        return None if concept is None or normalize(concept.name) in hidden else concept

    async def suggest(self, typed: str, guild_id: int | None, visibility: Visibility) -> list[str]:
        """Return visible tags with a word that begins as typed, the most frequent first."""
        hidden = (await self._load(guild_id)).hidden_tags
        return await self._index.suggest(
            typed, guild_id=guild_id, visibility=visibility, hidden=hidden
        )

    async def private_threads(self, query: SearchQuery) -> list[int]:
        """Return private threads with results, the latest few.

        Whether a person may see them depends on whether they are a member, so the caller checks.
        """
        return await self._index.private_threads(query, _MAX_THREADS)

    async def page(self, query: SearchQuery, tag: str, number: int) -> SearchPage:
        """Return a page of results, or the last page if there are fewer."""
        count = await self._index.count(query)
        number = min(number, max(0, (count - 1) // PAGE_SIZE))
        hits = await self._index.find(query, limit=PAGE_SIZE, offset=number * PAGE_SIZE)
        return SearchPage(tag, tuple(await self._results(hits, tag)), count, number)

    async def everything(self, query: SearchQuery, tag: str) -> AsyncIterator[SearchResult]:
        """Yield all results, newest first."""
        offset = 0
        while hits := await self._index.find(query, limit=_BATCH, offset=offset):
            for result in await self._results(hits, tag):
                yield result
            offset += len(hits)

    async def _results(self, hits: Sequence[SearchHit], tag: str) -> list[SearchResult]:
        """Find the seconds of each hit; leave out those erased meanwhile."""
        smoothing_by_guild = {
            guild_id: (await self._load(guild_id)).smoothing
            for guild_id in {hit.guild_id for hit in hits}
        }
        results = [await self._result(hit, tag, smoothing_by_guild[hit.guild_id]) for hit in hits]
        return [result for result in results if result]

    async def _result(self, hit: SearchHit, tag: str, smoothing: Smoothing) -> SearchResult | None:
        tagging = await self._taggings.find(hit.fingerprint, hit.tagger)
        if tagging is None:
            return None
        if hit.is_game:
            whole = Segment(tag, 0, count_seconds(tagging.info.duration), hit.score)
            return SearchResult(hit, tag, (whole,))
        segments = await asyncio.to_thread(
            find_segments, tagging.frames, tagging.info.duration, tag, hit.threshold, smoothing
        )
        return SearchResult(hit, tag, segments) if segments else None

    async def _load(self, guild_id: int | None) -> GuildSettings:
        return await self._settings.load(guild_id) if guild_id else GuildSettings(0)
