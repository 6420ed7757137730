"""From what became of a job's clips to a report, by a server's settings. Knows no Discord."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from bot.domain import timeline
from bot.domain.settings import GuildSettings
from bot.errors import Forgotten, restore
from bot.i18n import Translator
from bot.render.report import make_report
from bot.render.summary import RefusedClip, Style, TaggedClip

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bot.domain.concepts import TaggerIdentity
    from bot.render.report import Report
    from bot.render.summary import ReportedClip
    from bot.services.tag_clip import ClipTagger
    from bot.storage.guild_settings import GuildSettingsStore

Outcome = dict[str, Any]
"""What became of one clip, as JSON values: ``name``, ``spoiler``, ``fingerprint`` or ``error``."""


class ReportBuilder:
    """Reads what is stored of clips as a server wants to see it."""

    def __init__(
        self,
        clip_tagger: ClipTagger,
        settings: GuildSettingsStore,
        default_threshold: float | None = None,
    ) -> None:
        self._clip_tagger = clip_tagger
        self._settings = settings
        self._default_threshold = default_threshold

    async def settings(self, guild_id: int | None) -> GuildSettings:
        """Return a server's settings; those of a private channel are the defaults."""
        return await self._settings.load(guild_id) if guild_id else GuildSettings(0)

    async def threshold(
        self, guild_id: int | None, identity: TaggerIdentity | None = None
    ) -> float:
        """Return the threshold that applies in a server, or in a private channel.

        It is that of the tagger asked first, unless another is named.
        """
        settings = await self.settings(guild_id)
        return self.threshold_of(settings, identity or self._clip_tagger.tagger.identity)

    def threshold_of(self, settings: GuildSettings, identity: TaggerIdentity) -> float:
        """Return the threshold for a tagger; the operator's default is the asked tagger's alone."""
        asked = str(identity) == str(self._clip_tagger.tagger.identity)
        return settings.threshold_for(identity, self._default_threshold if asked else None)

    async def clips(
        self,
        outcomes: Sequence[Outcome],
        settings: GuildSettings,
        threshold: float | None = None,
    ) -> list[ReportedClip]:
        """Return each clip as it is to be told, above the server's threshold or the one given."""
        return [await self._clip(outcome, settings, threshold) for outcome in outcomes]

    async def report(self, clips: Sequence[ReportedClip], settings: GuildSettings) -> Report:
        """Write and draw the reply for some clips."""
        style = Style(Translator(settings.language), settings.tags_a_line)
        return await asyncio.to_thread(make_report, clips, style, picture=settings.picture)

    async def _clip(
        self, outcome: Outcome, settings: GuildSettings, threshold: float | None
    ) -> ReportedClip:
        name, translate = outcome["name"], Translator(settings.language)
        if "error" in outcome:
            return RefusedClip(name, restore(outcome["error"]).localized(translate))
        tagging = await self._clip_tagger.recall(outcome["fingerprint"], settings.language)
        if tagging is None:
            return RefusedClip(name, Forgotten().localized(translate))
        built = await asyncio.to_thread(
            timeline.build,
            tagging.frames,
            tagging.info.duration,
            self.threshold_of(settings, tagging.tagger) if threshold is None else threshold,
            flicker=settings.flicker,
            hidden=settings.hidden_tags,
        )
        return TaggedClip(name, built, tagging, spoiler=outcome.get("spoiler", False))
