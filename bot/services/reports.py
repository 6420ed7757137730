"""Use case: building the report about a job's clips from what is stored, by a server's settings."""

from __future__ import annotations

import asyncio
import math
import re
from dataclasses import replace
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING, ParamSpec, TypeVar

from bot.domain import timeline
from bot.domain.nudity import NUDITY_MODEL
from bot.domain.outcome import Failed, Tagged
from bot.domain.search import normalize
from bot.domain.settings import GuildSettings
from bot.errors import TaggingErased
from bot.i18n import Translator
from bot.render.report import make_report
from bot.render.summary import RefusedClip, Style, TaggedClip
from bot.runtime.fair_slots import FairSlots
from bot.services.nudity import for_audience

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence

    from bot.domain.concepts import TaggerIdentity
    from bot.domain.outcome import Outcome
    from bot.domain.tagging import Tagging
    from bot.render.report import Report
    from bot.render.summary import ReportedClip
    from bot.services.known_taggings import KnownTaggings
    from bot.storage.guild_settings import GuildSettingsStore
    from bot.storage.tag_corrections import TagCorrectionStore


T = TypeVar("T")
P = ParamSpec("P")

# Python draws on one core: more threads would only keep the event loop waiting for its turn.
_DRAWING_AT_ONCE = 2
_ROUNDED = 1e-4


class ReportBuilder:
    """Builds reports from stored taggings.

    ``thresholds`` has the operator's, by tagger: ``name:model``.
    """

    def __init__(
        self,
        taggings: KnownTaggings,
        settings: GuildSettingsStore,
        corrections: TagCorrectionStore,
        thresholds: Mapping[str, float] = MappingProxyType({}),
    ) -> None:
        self._taggings = taggings
        self._settings = settings
        self._corrections = corrections
        self._thresholds = thresholds
        self._slots = FairSlots(_DRAWING_AT_ONCE, per_owner=1)

    async def draw(
        self, settings: GuildSettings, work: Callable[P, T], *args: P.args, **more: P.kwargs
    ) -> T:
        """Run ``work`` in a thread: one at a time for a server, a few for all of them."""
        async with self._slots.held(str(settings.guild_id)):
            return await asyncio.to_thread(work, *args, **more)

    async def settings(self, guild_id: int | None) -> GuildSettings:
        """Return a server's settings; those of a private channel are the defaults."""
        return await self._settings.load(guild_id) if guild_id else GuildSettings(0)

    async def threshold(self, guild_id: int | None) -> float:
        """Return the threshold of a server or a private channel, for its first model."""
        settings = await self.settings(guild_id)
        return self.threshold_of(settings, self._taggings.models.chosen(settings.models)[0])

    def threshold_of(self, settings: GuildSettings, tagger: TaggerIdentity) -> float:
        """Return a server's threshold for a tagger: its own, the operator's or the tagger's."""
        if tagger == NUDITY_MODEL:
            return settings.nudity_score
        return settings.threshold_for(tagger, self._thresholds.get(str(tagger)))

    def thresholds_of(self, settings: GuildSettings, tagging: Tagging) -> dict[str, float]:
        """Return a server's threshold for each of the models that tagged a clip."""
        return {each.model: self.threshold_of(settings, each) for each in tagging.models}

    async def clips(
        self,
        outcomes: Sequence[Outcome],
        settings: GuildSettings,
        threshold: float | None = None,
        *,
        age_restricted: bool = False,
    ) -> list[ReportedClip]:
        """Return each clip with its timeline above the server's threshold, or the one given.

        They only have what the people in a channel, ``age_restricted`` or not, may see.
        """
        corrected = await self.corrected(outcomes, settings)
        clip = partial(
            self.clip, settings=settings, threshold=threshold, age_restricted=age_restricted
        )
        return [await self._clip(each, settings, corrected, clip) for each in outcomes]

    async def corrected(
        self, outcomes: Sequence[Outcome], settings: GuildSettings
    ) -> dict[str, tuple[str, ...]]:
        """Return the tags that the server hides for single clips, by fingerprint."""
        clips = {each.fingerprint for each in outcomes if isinstance(each, Tagged)}
        return await self._corrections.load(settings.guild_id, clips)

    async def clip(
        self,
        outcome: Tagged,
        tagging: Tagging,
        settings: GuildSettings,
        threshold: float | None = None,
        *,
        corrected: Collection[str] = (),
        age_restricted: bool = False,
    ) -> TaggedClip:
        """Return a tagged clip with its timeline, without the tags that are ``corrected``.

        It only has what the people in a channel, ``age_restricted`` or not, may see.
        """
        wrong = set(map(normalize, corrected))
        shown = for_audience(tagging, settings, wrong, age_restricted=age_restricted)
        tagging, game = shown.tagging, outcome.game
        thresholds: Mapping[str, float] = {}
        own = self.threshold_of(settings, tagging.tagger)
        # A button knows no other threshold than that of the first model, and rounds it.
        if threshold is None or math.isclose(threshold, own, abs_tol=_ROUNDED):
            threshold, thresholds = own, self.thresholds_of(settings, tagging)
        elif NUDITY_MODEL in tagging.models:
            thresholds = {NUDITY_MODEL.model: settings.nudity_score}
        hidden = settings.hidden_tags | _spelled(tagging, corrected)
        built = await self.draw(
            settings,
            timeline.build,
            tagging.frames,
            tagging.info.duration,
            threshold,
            smoothing=settings.smoothing,
            hidden=hidden,
            thresholds=thresholds,
        )
        tagging = _without_hidden_tags(tagging, hidden)
        if not settings.text:
            tagging = replace(tagging, text=None)
        if game and normalize(game) in map(normalize, {*hidden, *corrected}):
            game = None
        return TaggedClip(
            outcome.name,
            built,
            tagging,
            spoiler=outcome.spoiler or shown.spoiler,
            game=game,
            corrected=tuple(corrected),
        )

    async def report(self, clips: Sequence[ReportedClip], settings: GuildSettings) -> Report:
        """Write and draw the report about some clips."""
        style = Style(Translator(settings.language), settings.tags_a_line)
        return await self.draw(settings, make_report, clips, style, picture=settings.picture)

    async def _clip(
        self,
        outcome: Outcome,
        settings: GuildSettings,
        corrected: Mapping[str, tuple[str, ...]],
        clip: Callable[..., Awaitable[TaggedClip]],
    ) -> ReportedClip:
        translate = Translator(settings.language)
        if isinstance(outcome, Failed):
            return RefusedClip(outcome.name, outcome.error.restore().localized(translate))
        tagging = await self._taggings.find(outcome.fingerprint, settings.language, settings.models)
        if tagging is None:
            return RefusedClip(outcome.name, TaggingErased().localized(translate))
        return await clip(outcome, tagging, corrected=corrected.get(outcome.fingerprint, ()))


def _spelled(tagging: Tagging, names: Collection[str]) -> set[str]:
    """Return names as they are spelled in a tagging, in case its tagger spells them differently."""
    if not names:
        return set()
    wanted = set(map(normalize, names))
    seen = {concept.name for frame in tagging.frames for concept in frame.concepts}
    return {name for name in seen if normalize(name) in wanted}.union(names)


def _without_hidden_tags(tagging: Tagging, hidden: Collection[str]) -> Tagging:
    """Return the tagging without its kind and description if they have a tag that is hidden."""
    if tagging.kind and tagging.kind in map(normalize, hidden):
        tagging = replace(tagging, kind=None)
    if not tagging.description or not hidden:
        return tagging
    names = "|".join(re.escape(name) for name in hidden)
    named = re.search(rf"\b({names})", tagging.description, re.IGNORECASE)
    return replace(tagging, description=None) if named else tagging
