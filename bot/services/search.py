"""The use case: from a tag to posted clips that show it, and to the seconds. Knows no Discord."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

import structlog

from bot.domain.search import find_segments, normalize
from bot.domain.settings import GuildSettings
from bot.storage.errors import StorageUnavailable

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from bot.domain.search import IndexedConcept, SearchHit, SearchQuery, Visibility
    from bot.domain.timeline import Segment
    from bot.storage.guild_settings import GuildSettingsStore
    from bot.storage.search import SearchStore
    from bot.storage.taggings import TaggingStore

PAGE = 6
"""Hits a page; with their links more would not fit into a message."""
_AT_ONCE = 100
# Private threads that are asked, one by one, whether somebody is in them.
_MAX_THREADS = 25


@dataclass(frozen=True, slots=True)
class SearchResult:
    """A posted clip that was found, and when it shows what was looked for."""

    hit: SearchHit
    tag: str
    segments: tuple[Segment, ...]


@dataclass(frozen=True, slots=True)
class SearchPage:
    """Page ``number``, from 0, of ``pages`` with ``count`` posted clips in all."""

    finds: tuple[SearchResult, ...]
    count: int
    number: int

    @property
    def pages(self) -> int:
        """How many pages there are; an empty one if nothing was found."""
        return max(1, -(-self.count // PAGE))


class ClipSearch:
    """Finds posted clips by what they show, at each server's threshold."""

    def __init__(
        self, index: SearchStore, taggings: TaggingStore, settings: GuildSettingsStore
    ) -> None:
        self._index = index
        self._taggings = taggings
        self._settings = settings

    async def complete(self) -> int:
        """Make what older programs stored findable; return how many taggings that were."""
        return await self._index.complete()

    async def complete_beside(self) -> None:
        """Do that beside other work, which goes on whatever comes of it."""
        log = structlog.get_logger("framehound.finding")
        try:
            if count := await self.complete():
                log.info("index completed", taggings=count)
        except StorageUnavailable as error:
            log.warning("index not completed", detail=error.detail)
        except Exception:
            log.exception("index not completed")

    async def concept(self, tag: str | int, guild_id: int | None = None) -> IndexedConcept | None:
        """Return a concept by its name or number, unless nobody knows it or the server hides it."""
        known = await (
            self._index.numbered(tag) if isinstance(tag, int) else self._index.named(tag)
        )
        hidden = {normalize(name) for name in (await self._load(guild_id)).hidden_tags}
        return None if known is None or normalize(known.name) in hidden else known

    async def suggest(self, typed: str, guild_id: int | None, visibility: Visibility) -> list[str]:
        """Return tags, most seen first, of which a word begins as typed and that one can see."""
        hidden = (await self._load(guild_id)).hidden_tags
        return await self._index.suggest(
            typed, guild_id=guild_id, visibility=visibility, hidden=hidden
        )

    async def private_threads(self, search: SearchQuery) -> list[int]:
        """Return the private threads of which it depends on who asks whether they may be searched.

        They are the latest few in which something would be found.
        """
        return await self._index.private_threads(search, _MAX_THREADS)

    async def page(self, search: SearchQuery, tag: str, number: int) -> SearchPage:
        """Return a page of what is found, the last one if there are not that many."""
        count = await self._index.count(search)
        number = min(number, max(0, (count - 1) // PAGE))
        hits = await self._index.find(search, limit=PAGE, offset=number * PAGE)
        finds = [find for hit in hits if (find := await self._found(hit, tag))]
        return SearchPage(tuple(finds), count, number)

    async def everything(self, search: SearchQuery, tag: str) -> AsyncIterator[SearchResult]:
        """Yield all that is found, newest first."""
        offset = 0
        while hits := await self._index.find(search, limit=_AT_ONCE, offset=offset):
            for hit in hits:
                if find := await self._found(hit, tag):
                    yield find
            offset += len(hits)

    async def _found(self, hit: SearchHit, tag: str) -> SearchResult | None:
        tagging = await self._taggings.find(hit.fingerprint, hit.tagger)
        if tagging is None:  # forgotten this moment
            return None
        flicker = (await self._load(hit.guild_id)).flicker
        seen = await asyncio.to_thread(
            find_segments, tagging.frames, tagging.info.duration, tag, hit.threshold, flicker
        )
        return SearchResult(hit, tag, seen) if seen else None

    async def _load(self, guild_id: int | None) -> GuildSettings:
        return await self._settings.load(guild_id) if guild_id else GuildSettings(0)
