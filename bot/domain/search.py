"""Searching posted clips by a tag: queries, what a person may see, and results."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING

from bot.domain import timeline
from bot.domain.concepts import Concept, Frame

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from bot.domain.settings import Smoothing
    from bot.domain.timeline import Segment

# https://discord.com/developers/docs/reference#snowflakes
_EPOCH = 1_420_070_400_000  # milliseconds, the first second of 2015
_TIME_FROM_BIT = 22
MAX_SNOWFLAKE = 2**63 - 1
"""The highest ID that a database holds."""
PAGE_SIZE = 6
"""Results per page; more would not fit into a message with their links."""
MAX_NAME_LENGTH = 100
"""Characters of a name that are compared; every model's names are shorter."""

# Accents of Latin, Greek and Cyrillic letters, which a search ignores. Marks of other scripts (a
# Devanagari vowel, the voicing of a kana) make a different word: https://www.unicode.org/charts/PDF/U0300.pdf
_ACCENTS = range(0x0300, 0x0370)


@dataclass(frozen=True, slots=True)
class IndexedConcept:
    """A concept in the search index, with its number there."""

    number: int
    name: str


@dataclass(frozen=True, slots=True)
class Visibility:
    """The channels and threads that a person may see.

    Public threads are visible with their channel in ``channels``. Private threads are visible if
    they are in ``threads``, or in a channel in ``managed``, where Discord shows all of them.
    """

    channels: frozenset[int]
    threads: frozenset[int] = frozenset()
    managed: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class SameClip:
    """Another message with the same clip.

    The clip is number ``position`` (from 1) of the ``clips`` in its message; None if that is not
    known. ``reply_id`` is the message to link to if a command brought the clip.
    """

    message_id: int
    guild_id: int | None
    channel_id: int
    author_id: int | None
    position: int | None = None
    clips: int | None = None
    reply_id: int | None = None

    @property
    def posted_at(self) -> datetime:
        """When the message was posted."""
        return moment_of(self.message_id)

    @property
    def link(self) -> str:
        """A link to the message."""
        return link_to(self.guild_id, self.channel_id, self.reply_id or self.message_id)


def moment_of(snowflake: int) -> datetime:
    """Return the time in a Discord ID, when its object was created."""
    return datetime.fromtimestamp(((snowflake >> _TIME_FROM_BIT) + _EPOCH) / 1000, UTC)


def first_snowflake(moment: datetime) -> int:
    """Return the lowest ID for a time; for times outside of Discord's, the first or last ID."""
    first = max(0, int(moment.timestamp() * 1000) - _EPOCH) << _TIME_FROM_BIT
    return min(first, MAX_SNOWFLAKE)


def link_to(guild_id: int | None, channel_id: int, message_id: int) -> str:
    """Return a link to a message; ``guild_id`` is None in private channels.

    https://support.discord.com/hc/en-us/articles/206346498
    """
    return f"https://discord.com/channels/{guild_id or '@me'}/{channel_id}/{message_id}"


def normalize(name: str) -> str:
    """Return a name for comparing, without case, accents and invisible characters."""
    compatible = unicodedata.normalize("NFKD", name[: MAX_NAME_LENGTH * 4])
    decomposed = unicodedata.normalize("NFKD", compatible.casefold())
    plain = "".join(_without_marks(decomposed))
    return unicodedata.normalize("NFC", " ".join(plain.split()))[:MAX_NAME_LENGTH].rstrip()


def best_scores(frames: Iterable[Frame], duration: int) -> dict[str, Concept]:
    """Return each concept of a clip with its highest score, by its normalized name.

    Frames past the clip's end are left out, as they are from its timeline.
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
    frames: Iterable[Frame],
    duration: int,
    tag: str,
    threshold: float,
    smoothing: Smoothing,
    thresholds: Mapping[str, float] = MappingProxyType({}),
) -> tuple[Segment, ...]:
    """Return the segments of one tag, in order of time.

    If the server's smoothing leaves out all of them as too short, it is ignored: the person asked
    for this tag.
    """
    only = tuple(_only(frames, tag))
    build = partial(timeline.build, only, duration, threshold, thresholds=thresholds)
    return build(smoothing=smoothing).segments or build().segments


def _without_marks(text: str) -> Iterator[str]:
    for character in text:
        if character.isspace():
            yield " "
        elif ord(character) not in _ACCENTS and unicodedata.category(character)[0] != "C":
            yield character


def _only(frames: Iterable[Frame], tag: str) -> Iterator[Frame]:
    """Yield the frames with one tag only, named ``tag`` however it is written in them."""
    sought = normalize(tag)
    same: dict[str, bool] = {}
    for frame in frames:
        for concept in frame.concepts:
            if concept.name not in same:
                same[concept.name] = normalize(concept.name) == sought
        kept = tuple(Concept(tag, c.score) for c in frame.concepts if same[c.name])
        yield Frame(frame.time, kept, frame.model)
