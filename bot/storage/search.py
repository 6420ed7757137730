"""Reading the search index: posted clips with a concept, newest first, that a person may see."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from sqlalchemy import Text, and_, case, cast, false, func, literal, or_, select, true, union_all

from bot.domain.concepts import TaggerIdentity
from bot.domain.search import IndexedConcept, SearchHit, first_snowflake, normalize
from bot.storage.tables import (
    guild_settings,
    job_records,
    opt_outs,
    posted_clips,
    search_concepts,
    search_scores,
    search_taggings,
    thresholds,
)
from bot.storage.tag_corrections import is_corrected

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from sqlalchemy import ColumnElement, FromClause, Row, Select, Subquery
    from sqlalchemy.sql.base import ColumnCollection

    from bot.domain.search import SearchQuery, Visibility
    from bot.storage.database import Database

_posted, _taggings, _scores, _concepts = (
    posted_clips.c,
    search_taggings.c,
    search_scores.c,
    search_concepts.c,
)
_CLIP = (_posted.guild_id, _posted.fingerprint, _posted.game)
# Suggestions count only the newest clips, as each key press asks for them.
_MAX_CLIPS_COUNTED = 1000


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
        self._threshold = _threshold(operator_thresholds)
        self._chosen = _is_chosen(choosable)

    async def named(self, name: str) -> IndexedConcept | None:
        """Return the concept with a name, in any case and with or without accents."""
        return await self._concept(_concepts.normalized == normalize(name))

    async def numbered(self, number: int) -> IndexedConcept | None:
        """Return the concept with a number."""
        return await self._concept(_concepts.id == number)

    async def count(self, query: SearchQuery) -> int:
        """Return the number of posted clips that match."""
        statement = select(func.count()).select_from(self._found(query).subquery())
        async with self._database.reading() as connection:
            return int(await connection.scalar(statement) or 0)

    async def find(self, query: SearchQuery, *, limit: int, offset: int = 0) -> list[SearchHit]:
        """Return posted clips that match, newest first."""
        matching = self._found(query)
        order = _newest_first(matching.selected_columns)
        found = matching.order_by(*order).limit(limit).offset(offset).subquery()
        reply = job_records.c.job_id == literal("interaction-") + cast(_posted.message_id, Text)
        same = _posted.message_id == found.c.message_id, _posted.fingerprint == found.c.fingerprint
        shown = _with_thresholds(
            found.join(posted_clips, and_(*same))
            .join(search_taggings, _taggings.id == found.c.tagging)
            .outerjoin(
                search_scores,
                and_(_scores.tagging == _taggings.id, _scores.concept == query.concept),
            )
        )
        statement = (
            select(
                posted_clips,
                *(_taggings.tagger, _taggings.model, _taggings.revision, _taggings.sampling),
                *(_taggings.default_threshold, _scores.score, job_records.c.reply_id),
                (_posted.game == query.concept).label("is_game"),
                self._applied(query).label("threshold"),
            )
            .select_from(shown.outerjoin(job_records, reply))
            .order_by(*_newest_first(_posted))
        )
        async with self._database.reading() as connection:
            return [_hit(row) for row in await connection.execute(statement)]

    async def private_threads(self, query: SearchQuery, limit: int) -> list[int]:
        """Return private threads with matching clips, the latest first.

        They are in the ``channels`` of the query's visibility, but not visible themselves yet.
        """
        visibility = query.visibility
        if visibility is None:
            return []
        inside = _posted.parent_id.in_(visibility.channels)
        shut = and_(inside, ~is_visible(visibility), _posted.private)
        statement = (
            select(_posted.channel_id)
            .select_from(_SHOWN)
            .where(self._matches(query, shut))
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
        start = normalize(typed)
        seen = self._counted(guild_id, visibility)
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

    async def _concept(self, which: ColumnElement[bool]) -> IndexedConcept | None:
        statement = select(_concepts.id, _concepts.name).where(which)
        async with self._database.reading() as connection:
            row = (await connection.execute(statement)).first()
        return IndexedConcept(row.id, row.name) if row else None

    def _counted(self, guild_id: int | None, visibility: Visibility) -> Subquery:
        """Return, for each concept, how many of the newest clips have it above the threshold."""
        newest = (
            select(_taggings.id, *_CLIP, self._threshold.label("threshold"))
            .select_from(_with_thresholds(_INDEXED))
            .where(is_visible(visibility), is_shown(), self._chosen)
            .where(true() if guild_id is None else _posted.guild_id == guild_id)
            .order_by(_posted.message_id.desc())
            .limit(_MAX_CLIPS_COUNTED)
            .subquery()
        )
        shown = (
            select(_scores.concept)
            .join_from(newest, search_scores, _scores.tagging == newest.c.id)
            .where(_scores.score > newest.c.threshold, ~is_corrected(_scores.concept, newest.c))
        )
        games = select(newest.c.game).where(
            newest.c.game.is_not(None), ~is_corrected(newest.c.game, newest.c)
        )
        concepts = union_all(shown, games).subquery().c.concept
        return select(concepts, func.count().label("clips")).group_by(concepts).subquery()

    def _found(self, query: SearchQuery) -> Select[Any]:
        """Return each matching posted clip with the latest of its matching taggings.

        A clip has several taggings if several taggers, or a tagger in several languages, tagged it.
        A clip recorded in a game with this name matches with any of them.
        """
        own = _posted.message_id, _posted.position, _posted.fingerprint
        columns = *own, _taggings.id.label("tagging")
        shown = select(*columns).select_from(_SHOWN).where(self._matches(query))
        game = and_(_posted.game == query.concept, ~is_corrected(_posted.game))
        recorded = select(*columns).select_from(_INDEXED).where(game, *_allowed(query))
        found = union_all(shown, recorded).subquery().c
        key = found.message_id, found.position, found.fingerprint
        return select(*key, func.max(found.tagging).label("tagging")).group_by(*key)

    def _applied(self, query: SearchQuery) -> ColumnElement[float]:
        """Return the minimum (exclusive) for a score."""
        if query.min_score is None:
            return self._threshold
        min_score: ColumnElement[float] = cast(query.min_score, _scores.score.type)
        return min_score

    def _matches(
        self, query: SearchQuery, seen: ColumnElement[bool] | None = None
    ) -> ColumnElement[bool]:
        scored = _scores.score > self._applied(query)
        shown = scored, self._chosen, ~is_corrected(_scores.concept), *_allowed(query, seen)
        return and_(_scores.concept == query.concept, *shown)


def _allowed(
    query: SearchQuery, seen: ColumnElement[bool] | None = None
) -> list[ColumnElement[bool]]:
    """Return the conditions for a posted clip, whatever is in it."""
    wanted = [is_shown(), *_narrowed(query)]
    if query.guild_id is not None:
        wanted.append(_posted.guild_id == query.guild_id)
    if seen is None and query.visibility is not None:
        seen = is_visible(query.visibility)
    return wanted if seen is None else [*wanted, seen]


def _newest_first(clips: ColumnCollection[str, Any]) -> tuple[ColumnElement[Any], ...]:
    return clips.message_id.desc(), clips.position, clips.fingerprint


def _with_thresholds(clips: FromClause) -> FromClause:
    """Join posted clips with the thresholds of their servers."""
    same_tagger = thresholds.c.tagger == _taggings.tagger + ":" + _taggings.model
    own = and_(thresholds.c.guild_id == _posted.guild_id, same_tagger)
    return clips.outerjoin(thresholds, own)


_INDEXED = posted_clips.join(search_taggings, _taggings.fingerprint == _posted.fingerprint)
_SHOWN = _with_thresholds(_INDEXED.join(search_scores, _scores.tagging == _taggings.id))


def _threshold(operator: Mapping[str, float]) -> ColumnElement[float]:
    """Return the threshold of a posted clip: its server's, else the operator's or its tagger's."""
    if not operator:
        return func.coalesce(thresholds.c.threshold, _taggings.default_threshold)
    tagger = _taggings.tagger + ":" + _taggings.model
    own = case(
        *((tagger == name, score) for name, score in operator.items()),
        else_=_taggings.default_threshold,
    )
    return func.coalesce(thresholds.c.threshold, own)


def _is_chosen(choosable: Collection[str]) -> ColumnElement[bool]:
    """Return the condition that a clip's server chose the model of a tagging, or did not choose.

    Other taggers, such as the local one, are not a server's choice. Nor is what people post outside
    of servers.
    """
    if not choosable:
        return true()
    chosen = (
        select(guild_settings.c.value)
        .where(guild_settings.c.guild_id == _posted.guild_id, guild_settings.c.name == "models")
        .scalar_subquery()
    )
    names = {each: chosen.contains(f'"{each}"', autoescape=True) for each in choosable}
    any_left = or_(*names.values())
    wanted = case(names, value=_taggings.model, else_=true())
    return or_(chosen.is_(None), ~any_left, wanted)


def _narrowed(query: SearchQuery) -> list[ColumnElement[bool]]:
    wanted: list[ColumnElement[bool]] = []
    if query.channel_id is not None:
        channel = query.channel_id
        wanted.append(or_(_posted.channel_id == channel, _posted.parent_id == channel))
    if query.author_id is not None:
        wanted.append(_posted.author_id == query.author_id)
    if query.since is not None:
        wanted.append(_posted.message_id >= first_snowflake(query.since))
    if query.until is not None:
        wanted.append(_posted.message_id < first_snowflake(query.until))
    return wanted


def is_shown() -> ColumnElement[bool]:
    """Return the condition that the poster has not opted out since the clip was tagged."""
    out = select(opt_outs.c.user_id).where(opt_outs.c.user_id == _posted.author_id)
    return ~out.exists()


def is_visible(visibility: Visibility) -> ColumnElement[bool]:
    """Return the condition that a clip was posted where somebody may see it."""
    return or_(
        _posted.channel_id.in_(visibility.channels | visibility.threads),
        and_(_posted.parent_id.in_(visibility.channels), _posted.private == false()),
        _posted.parent_id.in_(visibility.managed),
    )


def _hit(row: Row[Any]) -> SearchHit:
    return SearchHit(
        message_id=row.message_id,
        guild_id=row.guild_id,
        channel_id=row.channel_id,
        author_id=row.author_id,
        fingerprint=row.fingerprint,
        tagger=TaggerIdentity(
            row.tagger, row.model, row.default_threshold, row.revision, row.sampling
        ),
        score=1.0 if row.is_game else row.score,
        threshold=row.threshold,
        is_game=bool(row.is_game),
        position=row.position,
        clips=row.clips,
        reply_id=row.reply_id,
    )
