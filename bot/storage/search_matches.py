"""Checking which clips of some messages match a query, and why: the exact part of a search."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sqlalchemy import and_, or_, select

from bot.domain.concepts import TaggerIdentity
from bot.domain.query import ClauseMatch, Field, MatchKind, QueryHit
from bot.domain.search import IndexedConcept
from bot.domain.text_search import nearly_contains
from bot.storage.search_conditions import ClauseParts, allowed, is_shown, text_parts
from bot.storage.tables import (
    guild_settings,
    posted_clips,
    posted_texts,
    search_concepts,
    search_scores,
    search_taggings,
    tag_corrections,
    thresholds,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from sqlalchemy.ext.asyncio import AsyncConnection

    from bot.domain.query import ResolvedClause, ResolvedQuery, TermMatch

_posted, _taggings, _scores, _texts = (
    posted_clips.c,
    search_taggings.c,
    search_scores.c,
    posted_texts.c,
)
_Key = tuple[int, str]
"""A posted clip: its message and its fingerprint."""


@dataclass(frozen=True, slots=True)
class Defaults:
    """The operator's thresholds, and the models that servers can choose among."""

    thresholds: Mapping[str, float]
    choosable: Collection[str]


@dataclass(slots=True)
class Evidence:
    """What is known about some posted clips, as far as a query asks for it."""

    clips: Sequence[Any]
    scores: dict[str, list[Any]] = field(default_factory=lambda: defaultdict(list))
    texts: dict[_Key, list[Any]] = field(default_factory=lambda: defaultdict(list))
    names: dict[int, str] = field(default_factory=dict)
    corrected: dict[tuple[int | None, str], set[int]] = field(
        default_factory=lambda: defaultdict(set)
    )
    taggers: dict[str, TaggerIdentity] = field(default_factory=dict)
    thresholds: dict[tuple[int | None, str], float] = field(default_factory=dict)
    models: dict[int | None, str] = field(default_factory=dict)


async def read_evidence(
    connection: AsyncConnection, query: ResolvedQuery, messages: Sequence[int], *, near: bool
) -> Evidence:
    """Read the clips of some messages that a query may find, and what may match."""
    clips = await _read_clips(connection, query, messages)
    evidence = Evidence(clips)
    if not clips:
        return evidence
    parts = [ClauseParts.of(clause, near=near) for clause in query.clauses]
    fingerprints = sorted({clip.fingerprint for clip in clips})
    if numbers := {number for each in parts for number in each.concepts}:
        await _read_scores(connection, evidence, fingerprints, numbers)
        await _read_settings(connection, evidence)
    games = {number for each in parts for number in each.games}
    if games:
        await _read_corrections(connection, evidence, fingerprints)
    if recorded := [clip.fingerprint for clip in clips if clip.game in games]:
        await _read_taggers(connection, evidence, recorded)
    if conditions := [part.condition() for each in parts for part in each.texts]:
        await _read_texts(connection, evidence, messages, or_(*conditions))
    return evidence


async def _read_clips(
    connection: AsyncConnection, query: ResolvedQuery, messages: Sequence[int]
) -> Sequence[Any]:
    where = [*allowed(_posted, query, by_guild=False), is_shown()]
    if query.author_id is not None:
        where.append(_posted.author_id + 0 == query.author_id)
    game = search_concepts.c.id == _posted.game
    found = (
        select(posted_clips, search_concepts.c.name.label("game_name"))
        .outerjoin_from(posted_clips, search_concepts, game)
        .where(_posted.message_id.in_(messages), *where)
    )
    return (await connection.execute(found)).all()


async def _read_scores(
    connection: AsyncConnection, evidence: Evidence, fingerprints: Sequence[str], numbers: set[int]
) -> None:
    names = select(search_concepts.c.id, search_concepts.c.name)
    for row in await connection.execute(names.where(search_concepts.c.id.in_(numbers))):
        evidence.names[row.id] = row.name
    query = (
        select(search_taggings, _scores.concept, _scores.score, _scores.seconds)
        .join_from(search_taggings, search_scores, _scores.tagging == _taggings.id)
        .where(_taggings.fingerprint.in_(fingerprints), _scores.concept.in_(numbers))
        .order_by(_taggings.id.desc())
    )
    for row in await connection.execute(query):
        evidence.scores[row.fingerprint].append(row)


async def _read_taggers(
    connection: AsyncConnection, evidence: Evidence, fingerprints: Sequence[str]
) -> None:
    """Read the latest tagging of each clip, which says how long a game was seen."""
    which = _taggings.fingerprint.in_(fingerprints)
    query = select(search_taggings).where(which).order_by(_taggings.id)
    for row in await connection.execute(query):
        evidence.taggers[row.fingerprint] = _tagger(row)


async def _read_corrections(
    connection: AsyncConnection, evidence: Evidence, fingerprints: Sequence[str]
) -> None:
    """Read which tags of the clips are wrong, by server and clip."""
    columns = tag_corrections.c
    query = select(columns.guild_id, columns.fingerprint, columns.concept)
    for row in await connection.execute(query.where(columns.fingerprint.in_(fingerprints))):
        evidence.corrected[row.guild_id, row.fingerprint].add(row.concept)


async def _read_settings(connection: AsyncConnection, evidence: Evidence) -> None:
    guilds = sorted({clip.guild_id for clip in evidence.clips} - {None})
    query = select(thresholds).where(thresholds.c.guild_id.in_(guilds))
    for row in await connection.execute(query):
        evidence.thresholds[row.guild_id, row.tagger] = row.threshold
    chosen = and_(guild_settings.c.guild_id.in_(guilds), guild_settings.c.name == "models")
    for row in await connection.execute(select(guild_settings).where(chosen)):
        evidence.models[row.guild_id] = row.value


async def _read_texts(
    connection: AsyncConnection, evidence: Evidence, messages: Sequence[int], matching: Any
) -> None:
    guilds = {clip.guild_id or 0 for clip in evidence.clips}
    here = and_(_texts.guild_id.in_(guilds), _texts.message_id.in_(messages))
    for row in await connection.execute(select(posted_texts).where(here, matching)):
        evidence.texts[row.message_id, row.fingerprint].append(row)


class Matcher:
    """Says which clips match a query, by what is known about them."""

    def __init__(
        self, query: ResolvedQuery, defaults: Defaults, evidence: Evidence, *, near: bool
    ) -> None:
        self._query = query
        self._defaults = defaults
        self._evidence = evidence
        self._near = near

    def hits(self) -> list[QueryHit]:
        """Return the clips that match, newest first."""
        found = [hit for clip in self._evidence.clips if (hit := self._hit(clip))]
        return sorted(found, key=lambda hit: (-hit.message_id, hit.position or 0, hit.fingerprint))

    def _hit(self, clip: Any) -> QueryHit | None:
        matches: list[ClauseMatch] = []
        for clause in self._query.clauses:
            best = min(self._matches(clip, clause), key=_rank, default=None)
            if (best is None) != clause.excluded:
                return None
            if best is not None:
                matches.append(best)
        return QueryHit(
            message_id=clip.message_id,
            guild_id=clip.guild_id,
            channel_id=clip.channel_id,
            author_id=clip.author_id,
            fingerprint=clip.fingerprint,
            matches=tuple(matches),
            position=clip.position,
            clips=clip.clips,
        )

    def _matches(self, clip: Any, clause: ResolvedClause) -> Iterator[ClauseMatch]:
        for term in clause.terms:
            wrong = self._evidence.corrected.get((clip.guild_id, clip.fingerprint), ())
            kinds = {number: kind for number, kind in term.concepts if number not in wrong}
            if clip.game in kinds and term.term.field in {Field.ANY, Field.GAME}:
                game = IndexedConcept(clip.game, clip.game_name)
                if tagger := self._evidence.taggers.get(clip.fingerprint):
                    kind = kinds[clip.game]
                    yield ClauseMatch(kind, term, game, tagger=tagger, is_game=True)
            if term.term.field is Field.ANY and kinds:
                yield from self._shown(clip, term, kinds)
            yield from self._said(clip, term)

    def _shown(
        self, clip: Any, term: TermMatch, kinds: Mapping[int, MatchKind]
    ) -> Iterator[ClauseMatch]:
        for row in self._evidence.scores.get(clip.fingerprint, ()):
            if row.concept in kinds and self._is_chosen(clip.guild_id, row.model):
                threshold = self._threshold(clip.guild_id, row)
                if row.score > threshold:
                    yield ClauseMatch(
                        kinds[row.concept],
                        term,
                        IndexedConcept(row.concept, self._evidence.names[row.concept]),
                        row.score,
                        threshold,
                        _tagger(row),
                        # None above the tagger's own threshold: the server's is lower.
                        seconds=row.seconds or None,
                    )

    def _said(self, clip: Any, term: TermMatch) -> Iterator[ClauseMatch]:
        rows = self._evidence.texts.get((clip.message_id, clip.fingerprint), ())
        for part in text_parts(term, near=self._near) if rows else ():
            for row in rows:
                if row.kind in part.kinds and _has(row.letters, part.letters, near=part.near):
                    yield ClauseMatch(MatchKind(row.kind), term, text=row.written)

    def _threshold(self, guild_id: int | None, row: Any) -> float:
        if self._query.min_score is not None:
            return self._query.min_score
        tagger = f"{row.tagger}:{row.model}"
        default: float = self._defaults.thresholds.get(tagger, row.default_threshold)
        return self._evidence.thresholds.get((guild_id, tagger), default)

    def _is_chosen(self, guild_id: int | None, model: str) -> bool:
        """Return whether a clip's server chose the model of a tagging, or did not choose.

        Other taggers, such as the local one, are not a server's choice. Nor is what people post
        outside of servers.
        """
        value = self._evidence.models.get(guild_id, "")
        chosen = {each for each in self._defaults.choosable if f'"{each}"' in value}
        return not chosen or model in chosen or model not in self._defaults.choosable


def _tagger(row: Any) -> TaggerIdentity:
    return TaggerIdentity(row.tagger, row.model, row.default_threshold, row.revision, row.sampling)


def _rank(match: ClauseMatch) -> tuple[int, float]:
    return match.kind, -match.score


def _has(text: str, letters: str, *, near: bool) -> bool:
    if near:
        return any(nearly_contains(line, letters) for line in text.split("\n"))
    return letters in text
