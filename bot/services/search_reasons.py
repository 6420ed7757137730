"""Why a clip was found: the seconds of each match, and a picture of the moment."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

from bot.domain.query import MatchKind
from bot.domain.search import find_segments
from bot.domain.search_results import Reason, SearchResult
from bot.domain.settings import GuildSettings
from bot.domain.text_search import find_lines
from bot.domain.timeline import Segment, count_seconds

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bot.domain.concepts import TaggerIdentity
    from bot.domain.query import ClauseMatch, QueryHit
    from bot.domain.tagging import Tagging, Thumbnail
    from bot.storage.guild_settings import GuildSettingsStore
    from bot.storage.previews import Preview, PreviewStore
    from bot.storage.senses import SenseStores
    from bot.storage.taggings import TaggingStore


class ReasonFinder:
    """Reads the seconds of hits from their taggings and texts."""

    def __init__(
        self,
        taggings: TaggingStore,
        senses: SenseStores,
        previews: PreviewStore,
        settings: GuildSettingsStore,
    ) -> None:
        self._taggings = taggings
        self._senses = senses
        self._previews = previews
        self._settings = settings

    async def results(self, hits: Sequence[QueryHit]) -> list[SearchResult]:
        """Return the hits with their reasons; leave out those erased meanwhile."""
        settings = {
            guild_id: await self._settings.load(guild_id) if guild_id else GuildSettings(0)
            for guild_id in {hit.guild_id for hit in hits}
        }
        previews = await self._previews.find({hit.fingerprint for hit in hits})
        results = [
            await self._result(hit, settings[hit.guild_id], previews[hit.fingerprint])
            for hit in hits
            if hit.fingerprint in previews
        ]
        return [result for result in results if result]

    async def _result(
        self, hit: QueryHit, settings: GuildSettings, preview: Preview
    ) -> SearchResult | None:
        known: dict[TaggerIdentity, Tagging | None] = {}
        reasons = []
        for match in hit.matches:
            if match.tagger and match.tagger not in known:
                known[match.tagger] = await self._taggings.find(hit.fingerprint, match.tagger)
            tagging = known[match.tagger] if match.tagger else None
            reason = await self._reason(hit, match, tagging, settings, preview)
            if reason is None:
                return None
            reasons.append(reason)
        result = SearchResult(hit, tuple(reasons))
        if not await self._is_harmless(hit, settings):
            return replace(result, reasons=tuple(map(_without_sentence, reasons)))
        return replace(result, still=_still(result, preview)) if settings.picture else result

    async def _is_harmless(self, hit: QueryHit, settings: GuildSettings) -> bool:
        """Return whether a clip was found to show no nudity, if its server wants to know."""
        if not settings.nudity:
            return True
        frames = await self._senses.nudity.find(hit.fingerprint)
        scores = (concept.score for frame in frames or () for concept in frame.concepts)
        return frames is not None and all(score <= settings.nudity_score for score in scores)

    async def _reason(
        self,
        hit: QueryHit,
        match: ClauseMatch,
        tagging: Tagging | None,
        settings: GuildSettings,
        preview: Preview,
    ) -> Reason | None:
        """Return the reason of a match; None if the tagging is gone."""
        if match.is_game and match.concept:
            whole = Segment(match.concept.name, 0, count_seconds(preview.duration), 1.0)
            return Reason(match.kind, match.concept.name, (whole,), is_game=True)
        if match.concept:
            return await _tag_reason(match, match.concept.name, tagging, settings)
        if match.kind is MatchKind.TEXT:
            return await self._text_reason(hit, match)
        return Reason(match.kind, match.text or match.term.term.words)

    async def _text_reason(self, hit: QueryHit, match: ClauseMatch) -> Reason:
        lines = await self._senses.text.find(hit.fingerprint) or ()
        found = await asyncio.to_thread(find_lines, lines, match.term)
        name = max(found, key=lambda line: line.score).text if found else match.term.term.words
        segments = (Segment(line.text, line.start, line.end, line.score) for line in found)
        return Reason(match.kind, name, tuple(segments))


async def _tag_reason(
    match: ClauseMatch, tag: str, tagging: Tagging | None, settings: GuildSettings
) -> Reason | None:
    if tagging is None:
        return None
    segments = await asyncio.to_thread(
        find_segments,
        tagging.frames,
        tagging.info.duration,
        tag,
        match.threshold,
        settings.smoothing,
    )
    return Reason(match.kind, tag, segments) if segments else None


def _without_sentence(reason: Reason) -> Reason:
    """Return a reason that doesn't describe the clip in a sentence."""
    return replace(reason, name="…") if reason.kind is MatchKind.SENTENCE else reason


def _still(result: SearchResult, preview: Preview) -> Thumbnail | None:
    """Return the first picture of a moment that matches."""
    for moment in result.moments:
        for thumbnail in preview.thumbnails:
            if moment.start <= thumbnail.second < moment.end:
                return thumbnail
    return None
