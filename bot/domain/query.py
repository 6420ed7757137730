"""A search as a person writes it: its words, what they may match, and what the index found.

``parse`` reads ``cat piano -dog text:"victory royale" by:@ben after:2026-11-01`` in any of the
languages that people use here. It never fails: what is no operator is a word.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum, IntEnum
from functools import reduce
from operator import and_
from typing import TYPE_CHECKING

from bot.domain.search import link_to, moment_of

if TYPE_CHECKING:
    from bot.domain.concepts import TaggerIdentity
    from bot.domain.search import IndexedConcept, Visibility

MAX_QUERY_LENGTH = 150
"""Characters of a query."""
MAX_TERMS = 12
"""Terms of a query, over all clauses."""
MIN_LETTERS_WITH_TYPO = 5
"""Letters of a word that is also found with one letter off; shorter ones would match too much."""

_PUNCTUATION = ",;:-"  # around a word, as in a list
_QUOTES = '"“”„‟«»'
_OR = frozenset({"or", "oder", "ou", "o", "u"})
_KEYWORDS = {
    "tag": "tag etiqueta",
    "text": "text texte texto",
    "said": "said gesagt dit dicho",
    "game": "game spiel jeu juego",
    "by": "by von par por",
    "in": "in dans en",
    "after": "after nach seit après apres depuis después despues desde",
    "before": "before vor avant antes",
}
_KEYWORD_OF = {word: keyword for keyword, words in _KEYWORDS.items() for word in words.split()}
_TOKEN = re.compile(
    rf"(?P<minus>-*)(?:(?P<keyword>{'|'.join(_KEYWORD_OF)}):\s*)?"
    rf"(?:[{_QUOTES}](?P<quoted>[^{_QUOTES}]*)[{_QUOTES}]|[{_QUOTES}]*(?P<bare>[^\s{_QUOTES}]+))",
    re.IGNORECASE,
)
_DAYS = (
    re.compile(r"(?P<year>\d{4})(?:-(?P<month>\d{1,2})(?:-(?P<day>\d{1,2}))?)?"),
    re.compile(r"(?P<day>\d{1,2})[./](?P<month>\d{1,2})[./](?P<year>\d{4})"),
)


class Field(Enum):
    """Where a term may match; the resolver turns ``TAG`` into ``ANY`` without texts."""

    ANY = "any"
    TAG = "tag"
    TEXT = "text"
    SAID = "said"
    GAME = "game"


class MatchKind(IntEnum):
    """What a term matched, the best first."""

    TAG = 1
    SYNONYM = 2
    TEXT = 3
    SAID = 4
    FILE_NAME = 5
    SENTENCE = 6


class Order(Enum):
    """In which order clips are shown."""

    NEWEST = "newest"
    BEST = "best"


@dataclass(frozen=True, slots=True)
class Term:
    """One word, or several in quotes. ``exact`` allows neither synonyms nor a typo."""

    words: str
    exact: bool = False
    field: Field = Field.ANY


@dataclass(frozen=True, slots=True)
class Clause:
    """Terms of which any must match; none may if they are ``excluded``."""

    terms: tuple[Term, ...]
    excluded: bool = False


@dataclass(frozen=True, slots=True)
class Query:
    """A query as written: all clauses must hold.

    ``author`` and ``channel`` are as typed: a mention, an ID or a name. ``since`` is inclusive,
    ``until`` is not. ``unreadable`` are the dates that are no dates.
    """

    clauses: tuple[Clause, ...] = ()
    author: str | None = None
    channel: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    unreadable: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class TermMatch:
    """What a term may match in the index.

    ``concepts`` are numbers of concepts, each with ``TAG`` if it has the term as its name, or
    ``SYNONYM`` if the term is a synonym or a broader kind of it. A concept matches if a clip shows
    it above the threshold, or if it is the game that the clip was recorded in; with ``Field.GAME``,
    only the latter counts. ``text`` is what ``letters`` leaves of the words: it matches a text of
    which it is a part, after ``letters``, too. Texts are lines on the screen and words said, and
    with ``Field.ANY`` also file names and descriptions. Empty matches none.
    """

    term: Term
    concepts: tuple[tuple[int, MatchKind], ...] = ()
    text: str = ""

    @property
    def allows_typo(self) -> bool:
        """Whether a text on the screen with one letter more, less or another matches, too."""
        return not self.term.exact and len(self.text) >= MIN_LETTERS_WITH_TYPO


@dataclass(frozen=True, slots=True)
class ResolvedClause:
    """Terms of which any must match; none may if they are ``excluded``."""

    terms: tuple[TermMatch, ...]
    excluded: bool = False


@dataclass(frozen=True, slots=True)
class ResolvedQuery:
    """A query that the index can answer. Without clauses, it finds all clips.

    ``guild_id`` None searches all servers and private channels. ``visibility`` None searches every
    channel, which only the operator may do. ``channel_id`` includes the threads of the channel.
    Messages posted at ``since`` or later and before ``until`` match. ``min_score`` replaces the
    threshold: a score must be above it.
    """

    clauses: tuple[ResolvedClause, ...]
    guild_id: int | None = None
    channel_id: int | None = None
    author_id: int | None = None
    since: datetime | None = None
    until: datetime | None = None
    min_score: float | None = None
    visibility: Visibility | None = None


@dataclass(frozen=True, slots=True)
class ClauseMatch:
    """The best reason why a clip matches a clause.

    A concept has its highest score, the threshold that applied, and the tagger that saw it. A game
    (``is_game``) has score 1 and no tagger. A file name or a sentence has its ``text``. The lines
    on the screen are read from the clip's text, as only few hits are shown. ``seconds`` has a bit
    for each second or part of the clip in which it matches; None if that is all or not known.
    """

    kind: MatchKind
    term: TermMatch
    concept: IndexedConcept | None = None
    score: float = 1.0
    threshold: float = 0.0
    tagger: TaggerIdentity | None = None
    is_game: bool = False
    text: str | None = None
    seconds: int | None = None


@dataclass(frozen=True, slots=True)
class QueryHit:
    """A posted clip that matches a query.

    ``matches`` has one match for each clause that is not excluded, in order. The clip is number
    ``position`` (from 1) of the ``clips`` in its message; None if that is not known. ``reply_id``
    is the message to link to if a command brought the clip.
    """

    message_id: int
    guild_id: int | None
    channel_id: int
    author_id: int | None
    fingerprint: str
    matches: tuple[ClauseMatch, ...]
    position: int | None = None
    clips: int | None = None
    reply_id: int | None = None

    @property
    def is_together(self) -> bool:
        """Whether there is a second in which all of it matches, as far as is known."""
        known = (match.seconds for match in self.matches if match.seconds is not None)
        return reduce(and_, known, -1) != 0

    @property
    def posted_at(self) -> datetime:
        """When the message was posted, perhaps long before its clips were tagged."""
        return moment_of(self.message_id)

    @property
    def link(self) -> str:
        """A link to the message."""
        return link_to(self.guild_id, self.channel_id, self.reply_id or self.message_id)


@dataclass(slots=True)
class _Reader:
    """What has been read of a query so far."""

    clauses: list[Clause]
    filters: dict[str, str]
    joins: bool = False

    def add(self, term: Term, *, excluded: bool) -> None:
        """Add a term as a clause, or to the last clause after ``or``."""
        last = self.clauses[-1] if self.clauses else None
        if self.joins and last and not last.excluded and not excluded:
            self.clauses[-1] = Clause((*last.terms, term))
        else:
            self.clauses.append(Clause((term,), excluded))
        self.joins = False


def parse(text: str) -> Query:
    """Read a query; what can't be read as an operator is a word to find."""
    reader = _Reader([], {})
    tokens = list(_TOKEN.finditer(unicodedata.normalize("NFC", text)))
    for number, token in enumerate(tokens):
        is_last = number + 1 == len(tokens)
        if token[0].casefold() in _OR and reader.clauses and not is_last:
            reader.joins = True
        else:
            _read(reader, token)
    return _finished(reader)


def _read(reader: _Reader, token: re.Match[str]) -> None:
    words = token["bare"] if token["quoted"] is None else token["quoted"]
    words = " ".join(words.split()).strip(_PUNCTUATION)
    keyword = _KEYWORD_OF.get((token["keyword"] or "").casefold())
    if not words:
        return
    if keyword in {"by", "in", "after", "before"}:
        reader.filters[keyword] = words
        return
    exact = token["quoted"] is not None or keyword == "tag"
    field = Field(keyword) if keyword in {"tag", "text", "said", "game"} else Field.ANY
    reader.add(Term(words, exact, field), excluded=bool(token["minus"]))


def _finished(reader: _Reader) -> Query:
    filters = reader.filters
    since, until = (_day(filters.get(name)) for name in ("after", "before"))
    days = (("after", since), ("before", until))
    return Query(
        tuple(reader.clauses),
        author=filters.get("by"),
        channel=filters.get("in"),
        since=since,
        until=until,
        unreadable=tuple(filters[name] for name, day in days if name in filters and not day),
    )


def _day(text: str | None) -> datetime | None:
    """Return the first moment of a day, a month or a year; None if the text is none of them."""
    for form in _DAYS:
        if found := form.fullmatch(text or ""):
            parts = found.groupdict()
            year, month, day = (int(parts[name] or 1) for name in ("year", "month", "day"))
            try:
                return datetime(year, month, day, tzinfo=UTC)
            except ValueError:
                return None
    return None
