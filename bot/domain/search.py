"""Looking for a tag in what was posted: what is asked for, where one may look, what is found."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from bot.domain import timeline
from bot.domain.concepts import Concept, Frame, TaggerIdentity

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from bot.domain.settings import Flicker
    from bot.domain.timeline import Segment

# https://discord.com/developers/docs/reference#snowflakes
_EPOCH = 1_420_070_400_000  # milliseconds, the first second of 2015
_TIME_FROM_BIT = 22
PAGE_SIZE = 6
"""Results per page; more would not fit into a message with their links."""
MAX_NAME_LENGTH = 100
"""Characters of a name that count; more than any model's."""

# Accents of Latin, Greek and Cyrillic letters. Marks of other scripts (a Devanagari vowel, a kana's
# voicing) make another word: https://www.unicode.org/charts/PDF/U0300.pdf
_ACCENTS = range(0x0300, 0x0370)


@dataclass(frozen=True, slots=True)
class IndexedConcept:
    """A concept some clip was tagged with, by its number in the index."""

    number: int
    name: str


@dataclass(frozen=True, slots=True)
class Visibility:
    """Where somebody may look.

    ``channels`` are seen with the public threads in them; of the private ones ``threads`` alone,
    and those in ``managed`` channels, where Discord shows them all.
    """

    channels: frozenset[int]
    threads: frozenset[int] = frozenset()
    managed: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class SearchQuery:
    """What is looked for: a concept, by its number, and what narrows the search down.

    ``guild_id`` None searches everywhere, private channels too; ``sight`` None, as only the
    operator may, sees every channel. ``channel_id`` takes the threads in it along. ``since``
    counts, ``until`` does not; both are about when the message was posted. ``min_score`` is what a
    score must be above instead of the threshold.
    """

    concept: int
    guild_id: int | None = None
    channel_id: int | None = None
    author_id: int | None = None
    since: datetime | None = None
    until: datetime | None = None
    min_score: float | None = None
    visibility: Visibility | None = None


@dataclass(frozen=True, slots=True)
class SearchHit:
    """A posted clip that shows what was looked for, above the ``threshold`` that applies to it.

    ``position`` is the clip's among the ``clips`` of its message, from 1; None where nobody noted
    that. ``reply_id`` is the message to point at where the clip came by a command.
    """

    message_id: int
    guild_id: int | None
    channel_id: int
    author_id: int | None
    fingerprint: str
    tagger: TaggerIdentity
    score: float
    threshold: float
    position: int | None = None
    clips: int | None = None
    reply_id: int | None = None

    @property
    def posted_at(self) -> datetime:
        """When the message was posted, which may be long before its clips were tagged."""
        return moment_of(self.message_id)

    @property
    def link(self) -> str:
        """A link to the message."""
        return link_to(self.guild_id, self.channel_id, self.reply_id or self.message_id)


@dataclass(frozen=True, slots=True)
class SearchResult:
    """A posted clip that was found, and when it shows the tag."""

    hit: SearchHit
    tag: str
    segments: tuple[Segment, ...]


@dataclass(frozen=True, slots=True)
class SearchPage:
    """Page ``number`` (from 0) of the results for a tag; ``count`` is that of all pages."""

    tag: str
    results: tuple[SearchResult, ...]
    count: int
    number: int

    @property
    def pages(self) -> int:
        """The number of pages; one, which is empty, if nothing was found."""
        return max(1, -(-self.count // PAGE_SIZE))


def moment_of(snowflake: int) -> datetime:
    """Return when something was made at Discord, whose ids begin with that."""
    return datetime.fromtimestamp(((snowflake >> _TIME_FROM_BIT) + _EPOCH) / 1000, UTC)


def first_snowflake(moment: datetime) -> int:
    """Return the lowest id that something made at a moment may have; 0 before there were any."""
    return max(0, int(moment.timestamp() * 1000) - _EPOCH) << _TIME_FROM_BIT


def link_to(guild_id: int | None, channel_id: int, message_id: int) -> str:
    """Return a link to a message; without a server it is in a private channel.

    https://support.discord.com/hc/en-us/articles/206346498
    """
    return f"https://discord.com/channels/{guild_id or '@me'}/{channel_id}/{message_id}"


def normalize(name: str) -> str:
    """Return a name as it is looked for: case, accents and invisible characters make no odds."""
    compatible = unicodedata.normalize("NFKD", name[: MAX_NAME_LENGTH * 4])
    decomposed = unicodedata.normalize("NFKD", compatible.casefold())
    plain = "".join(_folded(decomposed))
    return unicodedata.normalize("NFC", " ".join(plain.split()))[:MAX_NAME_LENGTH].rstrip()


def best_scores(frames: Iterable[Frame], duration: int) -> dict[str, Concept]:
    """Return each concept of a clip with its best score, by its folded name.

    Frames past the clip's end count as little as they do in its timeline.
    """
    length = timeline.count_seconds(duration)
    best: dict[str, float] = {}
    for frame in frames:
        if 0 <= frame.second < length:
            for concept in frame.concepts:
                best[concept.name] = max(concept.score, best.get(concept.name, concept.score))
    found: dict[str, Concept] = {}
    for name, score in best.items():
        normalized = normalize(name)
        if normalized and (normalized not in found or found[normalized].score < score):
            found[normalized] = Concept(name, score)
    return found


def find_segments(
    frames: Iterable[Frame], duration: int, tag: str, threshold: float, flicker: Flicker
) -> tuple[Segment, ...]:
    """Return when a clip shows a tag, in order of time.

    Where everything is too short for the server's taste it is told all the same: it was asked for.
    """
    alone = tuple(_alone(frames, tag))
    told = timeline.build(alone, duration, threshold, flicker=flicker).segments
    return told or timeline.build(alone, duration, threshold).segments


def _folded(text: str) -> Iterator[str]:
    for character in text:
        if character.isspace():
            yield " "
        elif ord(character) not in _ACCENTS and unicodedata.category(character)[0] != "C":
            yield character


def _alone(frames: Iterable[Frame], tag: str) -> Iterator[Frame]:
    """Yield the frames with one tag alone, under one name however it is written in them."""
    sought = normalize(tag)
    same: dict[str, bool] = {}
    for frame in frames:
        for concept in frame.concepts:
            if concept.name not in same:
                same[concept.name] = normalize(concept.name) == sought
        kept = tuple(Concept(tag, c.score) for c in frame.concepts if same[c.name])
        yield Frame(frame.time, kept)
