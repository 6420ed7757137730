"""Suggesting what to search for: what the newest clips that a person may see have most often."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import TYPE_CHECKING, Any

from sqlalchemy import and_, case, false, func, or_, select, true, union, union_all

from bot.domain.search import normalize
from bot.domain.text_lines import letters
from bot.storage.frame_codec import decode_text
from bot.storage.search_conditions import is_shown, is_visible
from bot.storage.tables import (
    guild_settings,
    posted_clips,
    search_concepts,
    search_scores,
    search_taggings,
    sense_observations,
    thresholds,
)
from bot.storage.tag_corrections import is_corrected

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

    from sqlalchemy import ColumnElement, Select, Subquery

    from bot.domain.search import Visibility
    from bot.storage.database import Database
    from bot.storage.search_matches import Defaults

_posted, _taggings, _scores, _concepts = (
    posted_clips.c,
    search_taggings.c,
    search_scores.c,
    search_concepts.c,
)
# Each key press asks again, so only the newest clips count: the visible ones of the newest of all.
_MAX_CLIPS, _MAX_LOOKED_AT = 1_000, 20_000
# Of somebody who sees so few channels, each channel's newest clips are read.
_FEW_CHANNELS = 50
# Texts are read from the stored lines, which takes longer.
_MAX_TEXTS = 300
_MAX_TEXT_LENGTH = 60
_NEEDED = ("message_id", "guild_id", "fingerprint", "game")


class Suggestions:
    """Suggests tags and texts."""

    def __init__(self, database: Database, defaults: Defaults) -> None:
        self._database = database
        self._threshold = _threshold(defaults.thresholds)
        self._choosable = defaults.choosable

    async def tags(
        self,
        typed: str,
        guild_id: int | None,
        visibility: Visibility,
        *,
        hidden: Collection[str],
        limit: int,
    ) -> list[str]:
        """Return tags with a word that begins as typed, the most frequent first."""
        start = normalize(typed)
        seen = self._counted(_newest(guild_id, visibility, _MAX_CLIPS))
        statement = (
            select(_concepts.name)
            .join_from(search_concepts, seen, seen.c.concept == _concepts.id)
            .where(
                or_(
                    _concepts.normalized.startswith(start, autoescape=True),
                    _concepts.normalized.contains(f" {start}", autoescape=True),
                ),
                _concepts.normalized.not_in({normalize(name) for name in hidden}),
            )
            .order_by(seen.c.clips.desc(), _concepts.name)
            .limit(limit)
        )
        async with self._database.reading() as connection:
            return list(await connection.scalars(statement))

    async def texts(
        self, typed: str, guild_id: int | None, visibility: Visibility, *, limit: int
    ) -> list[str]:
        """Return lines on the screen that have what was typed, the most frequent first."""
        newest = _newest(guild_id, visibility, _MAX_CLIPS).subquery()
        own = sense_observations.c.fingerprint == newest.c.fingerprint
        statement = (
            select(sense_observations.c.observations)
            .join_from(newest, sense_observations, own)
            .where(sense_observations.c.sense == "text")
            .order_by(newest.c.message_id.desc())
            .limit(_MAX_TEXTS)
        )
        async with self._database.reading() as connection:
            stored = (await connection.scalars(statement)).all()
        return await asyncio.to_thread(_frequent_lines, stored, letters(typed), limit)

    def _counted(self, newest: Select[Any]) -> Subquery:
        """Return, for each concept, how many of some clips have it above the threshold."""
        clips = newest.subquery()
        same_tagger = thresholds.c.tagger == _taggings.tagger + ":" + _taggings.model
        own = and_(thresholds.c.guild_id == clips.c.guild_id, same_tagger)
        tagged = clips.join(search_taggings, _taggings.fingerprint == clips.c.fingerprint)
        shown = (
            select(_scores.concept)
            .select_from(
                tagged.outerjoin(thresholds, own).join(
                    search_scores, _scores.tagging == _taggings.id
                )
            )
            .where(
                _scores.score > self._threshold,
                _is_chosen(clips.c.guild_id, self._choosable),
                ~is_corrected(_scores.concept, clips.c),
            )
        )
        is_tagged = select(_taggings.id).where(_taggings.fingerprint == clips.c.fingerprint)
        games = select(clips.c.game).where(
            *(clips.c.game.is_not(None), is_tagged.exists()),
            ~is_corrected(clips.c.game, clips.c),
        )
        concepts = union_all(shown, games).subquery().c.concept
        return select(concepts, func.count().label("clips")).group_by(concepts).subquery()


def _newest(guild_id: int | None, visibility: Visibility, limit: int) -> Select[Any]:
    """Return the newest clips that are visible."""
    here = true() if guild_id is None else _posted.guild_id == guild_id
    if len(visibility.channels | visibility.threads | visibility.managed) <= _FEW_CHANNELS:
        # Not the server's index: each channel has far fewer clips.
        here = true() if guild_id is None else _posted.guild_id + 0 == guild_id
        found = union(*_by_channel(visibility, here, limit)).subquery()
    else:
        recent = _first(select(posted_clips).where(here), _MAX_LOOKED_AT).subquery()
        seen = is_visible(visibility, recent.c), is_shown(recent.c)
        found = select(*(recent.c[name] for name in _NEEDED)).where(*seen).subquery()
    return select(found).order_by(found.c.message_id.desc()).limit(limit)


def _by_channel(
    visibility: Visibility, here: ColumnElement[bool], limit: int
) -> Iterator[Select[Any]]:
    """Yield the newest clips of each channel, and of its threads, as both are in order."""
    yield select(*(_posted[name] for name in _NEEDED)).where(false())
    inside = {channel: _posted.private == false() for channel in visibility.channels}
    inside |= dict.fromkeys(visibility.managed, true())
    places = [_posted.channel_id == channel for channel in visibility.channels | visibility.threads]
    places += [and_(_posted.parent_id == channel, seen) for channel, seen in inside.items()]
    for place in places:
        clips = select(*(_posted[name] for name in _NEEDED)).where(place, here, is_shown())
        newest = _first(clips, limit).subquery()
        yield select(newest)


def _first(clips: Select[Any], limit: int) -> Select[Any]:
    return clips.order_by(clips.selected_columns.message_id.desc()).limit(limit)


def _threshold(operator: Mapping[str, float]) -> ColumnElement[float]:
    """Return the threshold of a posted clip: its server's, else the operator's or its tagger's."""
    tagger = _taggings.tagger + ":" + _taggings.model
    cases = [(tagger == name, score) for name, score in operator.items()]
    default = case(*cases, else_=_taggings.default_threshold) if cases else None
    own = _taggings.default_threshold if default is None else default
    return func.coalesce(thresholds.c.threshold, own)


def _is_chosen(
    guild_id: ColumnElement[int | None], choosable: Collection[str]
) -> ColumnElement[bool]:
    """Return the condition that a clip's server chose the model of a tagging, or did not choose.

    ``Matcher`` decides the same for single clips.
    """
    if not choosable:
        return true()
    chosen = (
        select(guild_settings.c.value)
        .where(guild_settings.c.guild_id == guild_id, guild_settings.c.name == "models")
        .scalar_subquery()
    )
    names = {each: chosen.contains(f'"{each}"', autoescape=True) for each in choosable}
    any_left = or_(*names.values())
    wanted = case(names, value=_taggings.model, else_=true())
    return or_(chosen.is_(None), ~any_left, wanted)


def _frequent_lines(stored: Iterable[bytes], sought: str, limit: int) -> list[str]:
    """Return the lines that most clips have, each as it was read most often."""
    written: dict[str, Counter[str]] = {}
    clips: Counter[str] = Counter()
    for payload in stored:
        lines = {line.text: letters(line.text) for line in decode_text(payload)}
        for text, key in lines.items():
            if sought in key and len(text) <= _MAX_TEXT_LENGTH:
                written.setdefault(key, Counter())[text] += 1
        clips.update({key for text, key in lines.items() if key in written})
    frequent = sorted(written, key=lambda key: (-clips[key], key))
    return [written[key].most_common(1)[0][0] for key in frequent[:limit]]
