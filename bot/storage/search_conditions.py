"""Conditions of searches: where clips may be seen, which filters apply, and what a term matches."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import and_, exists, false, func, or_, select

from bot.domain.query import Field, MatchKind
from bot.domain.search import first_snowflake
from bot.storage.among import among
from bot.storage.tables import opt_outs, posted_clips, posted_concepts, posted_texts
from bot.storage.text_index import MIN_LETTERS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import ColumnElement
    from sqlalchemy.sql.base import ReadOnlyColumnCollection

    from bot.domain.query import ResolvedClause, ResolvedQuery, TermMatch
    from bot.domain.search import Visibility

    Columns = ReadOnlyColumnCollection[str, Any]
    """The columns of a table or a subquery."""

_posted, _concepts, _texts = posted_clips.c, posted_concepts.c, posted_texts.c

_KINDS = {
    Field.ANY: tuple(kind for kind in MatchKind if kind >= MatchKind.TEXT),
    Field.TEXT: (MatchKind.TEXT,),
    Field.SAID: (MatchKind.SAID,),
    Field.GAME: (),
}
# A word with one letter off has one of its halves unchanged, which the index needs to find it.
_MIN_LETTERS_WITH_TYPO = 2 * MIN_LETTERS


@dataclass(frozen=True, slots=True)
class TextPart:
    """Letters to find in texts of some kinds; with ``near``, also with one letter off."""

    letters: str
    kinds: tuple[MatchKind, ...]
    near: bool = False

    @property
    def is_indexed(self) -> bool:
        """Whether the text index can find the letters."""
        return len(self.letters) >= MIN_LETTERS

    def sought(self) -> tuple[str, ...]:
        """Return parts of which every text that matches has at least one."""
        if not self.near:
            return (self.letters,)
        middle = len(self.letters) // 2
        return self.letters[:middle], self.letters[middle:]

    def condition(self, columns: Columns = _texts) -> ColumnElement[bool]:
        """Return the condition that a text matches."""
        patterns = near_patterns(self.letters) if self.near else (self.letters,)
        said = or_(*(columns.letters.like(f"%{pattern}%") for pattern in patterns))
        return and_(columns.kind.in_(self.kinds), said)


def near_patterns(letters: str) -> tuple[str, ...]:
    """Return patterns for LIKE that match a word with one letter more, less or another."""
    found = [letters]
    for place in range(len(letters)):
        before, after = letters[:place], letters[place + 1 :]
        found += [f"{before}_{after}", f"{before}_{letters[place:]}", before + after]
    return tuple(dict.fromkeys(found))


@dataclass(frozen=True, slots=True)
class ClauseParts:
    """What a clause looks for: concepts, games and texts, any of which is enough."""

    concepts: tuple[int, ...]
    games: tuple[int, ...]
    texts: tuple[TextPart, ...]

    @classmethod
    def of(cls, clause: ResolvedClause, *, near: bool) -> ClauseParts:
        """Take a clause apart; with ``near``, words may have one letter off if they allow that."""
        shown = _numbers(clause, {Field.ANY})
        games = _numbers(clause, {Field.ANY, Field.GAME})
        texts = tuple(part for term in clause.terms for part in text_parts(term, near=near))
        return cls(shown, games, texts)

    def holds(
        self, guild_id: ColumnElement[int], message_id: ColumnElement[int], min_score: float | None
    ) -> ColumnElement[bool]:
        """Return the condition that a message may match.

        Whether one of its clips does is checked later, as thresholds are the servers'.
        """
        return or_(*self._conditions(guild_id, message_id, min_score), false())

    def _conditions(
        self, guild_id: ColumnElement[int], message_id: ColumnElement[int], min_score: float | None
    ) -> Iterator[ColumnElement[bool]]:
        if self.concepts:
            other = posted_concepts.alias()
            here = and_(other.c.guild_id == guild_id, other.c.message_id == message_id)
            scored = () if min_score is None else (other.c.score > min_score,)
            yield exists().where(other.c.concept.in_(self.concepts), here, *scored)
        if self.games:
            clip = posted_clips.alias()
            yield exists().where(clip.c.message_id == message_id, clip.c.game.in_(self.games))
        if self.texts:
            text = posted_texts.alias()
            here = and_(text.c.guild_id == guild_id, text.c.message_id == message_id)
            yield exists().where(here, or_(*(part.condition(text.c) for part in self.texts)))


def _numbers(clause: ResolvedClause, fields: set[Field]) -> tuple[int, ...]:
    """Return the concepts of the terms that look in some fields."""
    found = (number for t in clause.terms if t.term.field in fields for number, _ in t.concepts)
    return tuple(dict.fromkeys(found))


def text_parts(term: TermMatch, *, near: bool) -> Iterator[TextPart]:
    """Yield what a term looks for in texts; only text on the screen may have a letter off."""
    kinds = _KINDS[term.term.field]
    if not term.text or not kinds:
        return
    yield TextPart(term.text, kinds)
    near = near and term.allows_typo and len(term.text) >= _MIN_LETTERS_WITH_TYPO
    if near and MatchKind.TEXT in kinds:
        yield TextPart(term.text, (MatchKind.TEXT,), near=True)


def allowed(
    columns: Columns, query: ResolvedQuery, before: int | None = None, *, by_guild: bool = True
) -> list[ColumnElement[bool]]:
    """Return the conditions that a clip was posted where and when a query looks.

    ``columns`` are those of ``posted_clips``, ``posted_concepts`` or ``posted_texts``; with
    ``before``, only clips of earlier messages are wanted. Unless ``by_guild``, the database must
    not read all clips of the server, as another condition leaves fewer.
    """
    wanted: list[ColumnElement[bool]] = []
    if query.guild_id is not None:
        guild_id = columns.guild_id if by_guild else columns.guild_id + 0
        wanted.append(guild_id == query.guild_id)
    if query.channel_id is not None:
        channel = query.channel_id
        wanted.append(or_(columns.channel_id == channel, columns.parent_id == channel))
    if query.since is not None:
        wanted.append(columns.message_id >= first_snowflake(query.since))
    if query.until is not None:
        wanted.append(columns.message_id < first_snowflake(query.until))
    if before is not None:
        wanted.append(columns.message_id < before)
    if query.visibility is not None:
        wanted.append(is_visible(query.visibility, columns))
    return wanted


def is_shown(columns: Columns = _posted) -> ColumnElement[bool]:
    """Return the condition that the poster has not opted out since the clip was tagged."""
    out = select(opt_outs.c.user_id).where(opt_outs.c.user_id == columns.author_id)
    return ~out.exists()


def is_visible(visibility: Visibility, columns: Columns = _posted) -> ColumnElement[bool]:
    """Return the condition that a clip was posted where somebody may see it."""
    return or_(
        among(columns.channel_id, visibility.channels | visibility.threads),
        and_(among(columns.parent_id, visibility.channels), columns.private == false()),
        among(columns.parent_id, visibility.managed),
    )


def guild_of_posted() -> ColumnElement[int]:
    """Return the server of a posted clip as the index has it: 0 outside of servers."""
    return func.coalesce(_posted.guild_id, 0)
