"""Whether a new clip matches a query, in memory: the same rules as those of the index.

A word matches the name of a tag or a game, one of their synonyms or kinds, a part of a text on the
screen (one letter may be off), a part of the file's name, or a part of the sentence about the clip.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from bot.domain.query import MIN_LETTERS_WITH_TYPO, Field, MatchKind
from bot.domain.search import normalize
from bot.domain.text_lines import letters
from bot.domain.text_search import nearly_contains

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from bot.domain.query import Clause, Query, Term
    from bot.domain.text_lines import TextLine
    from bot.domain.timeline import Segment

_MIN_LETTERS = 3
"""Letters of a word that is looked for inside of texts, names and sentences."""


class Names(Protocol):
    """Knows which names of tags a term means."""

    def __call__(self, term: Term) -> Mapping[str, MatchKind]:
        """Return normalized names, each with ``TAG`` or ``SYNONYM``."""


@dataclass(frozen=True, slots=True)
class Found:
    """Why a clip matches a clause: a tag with its score, or a text; ``start`` is its second."""

    kind: MatchKind
    words: str
    score: float | None = None
    start: int | None = None


@dataclass(frozen=True, slots=True)
class NewClip:
    """What was observed in a clip that was just posted, as its server may see it."""

    name: str
    tags: Mapping[str, Found] = field(default_factory=dict)
    game: str | None = None
    text: tuple[TextLine, ...] = ()
    sentence: str | None = None


def tags_of(segments: Iterable[Segment]) -> dict[str, Found]:
    """Return the tags of a timeline by their normalized names, each with its best second."""
    found: dict[str, Found] = {}
    for segment in segments:
        name = normalize(segment.tag)
        known = found.get(name)
        if known is None or segment.score > (known.score or 0):
            found[name] = Found(MatchKind.TAG, segment.tag, segment.score, segment.start)
    return found


def exact_names(term: Term) -> Mapping[str, MatchKind]:
    """Return a term's own name alone."""
    return {normalize(term.words): MatchKind.TAG}


def match(query: Query, clip: NewClip, names: Names = exact_names) -> tuple[Found, ...] | None:
    """Return why a clip matches, for each clause that is not excluded; None if it does not."""
    reasons: list[Found] = []
    for clause in query.clauses:
        found = _best(clause, clip, names)
        if (found is None) != clause.excluded:
            return None
        if found is not None:
            reasons.append(found)
    return tuple(reasons)


def _best(clause: Clause, clip: NewClip, names: Names) -> Found | None:
    every = (found for term in clause.terms for found in _matches(term, clip, names))
    return min(every, key=lambda found: (found.kind, -(found.score or 0)), default=None)


def _matches(term: Term, clip: NewClip, names: Names) -> Iterator[Found]:
    if term.field in {Field.ANY, Field.TAG, Field.GAME}:
        yield from _named(term, clip, names(term))
    if term.field in {Field.ANY, Field.TEXT}:
        yield from _on_screen(term, clip)
    sought = letters(term.words)
    if term.field is Field.ANY and len(sought) >= _MIN_LETTERS:
        if sought in letters(clip.name):
            yield Found(MatchKind.FILE_NAME, clip.name)
        if clip.sentence and sought in letters(clip.sentence):
            yield Found(MatchKind.SENTENCE, clip.sentence)


def _named(term: Term, clip: NewClip, names: Mapping[str, MatchKind]) -> Iterator[Found]:
    game = normalize(clip.game or "")
    if term.field is Field.GAME:
        if clip.game and normalize(term.words) in game:
            yield Found(MatchKind.TAG, clip.game, 1.0)
        return
    for name, kind in names.items():
        if name == game and clip.game:
            yield Found(kind, clip.game, 1.0)
        elif tag := clip.tags.get(name):
            yield Found(kind, tag.words, tag.score, tag.start)


def _on_screen(term: Term, clip: NewClip) -> Iterator[Found]:
    sought = letters(term.words)
    if len(sought) < _MIN_LETTERS:
        return
    allows_typo = not term.exact and len(sought) >= MIN_LETTERS_WITH_TYPO
    for line in clip.text:
        text = letters(line.text)
        if sought in text or (allows_typo and nearly_contains(text, sought)):
            yield Found(MatchKind.TEXT, line.text, start=line.start)
