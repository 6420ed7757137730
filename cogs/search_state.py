"""A search as it fits into the ID of a button, and reading what people type into it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any, Self

from bot.domain.search import SearchQuery
from bot.domain.settings import parse_threshold
from bot.errors import ButtonExpired

if TYPE_CHECKING:
    import re

    from bot.domain.search import Visibility

_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
_FIELDS = ("concept", "channel", "author", "since", "until", "min_score", "page")
_IDS = {"channel", "author"}
# The number changes with the form of the ID. Old IDs, ``find:…``, refer to concepts of a database
# that is not used any more.
_PREFIX = "search1:"
OLD_TEMPLATE = r"find:[0-9a-z:]+"
TEMPLATE = _PREFIX + ":".join(
    f"(?P<{field}>[0-9a-z]{'+' if field == 'concept' else '*'})" for field in _FIELDS
)


@dataclass(frozen=True, slots=True)
class SearchState:
    """A search made of numbers: IDs, days by their ordinal, the score in 1/10,000."""

    concept: int
    channel: int | None = None
    author: int | None = None
    since: int | None = None
    until: int | None = None
    min_score: int | None = None
    page: int | None = None

    def __str__(self) -> str:
        """Return the ID of a button; at most 100 characters, whatever the numbers."""
        values = (getattr(self, field) for field in _FIELDS)
        return _PREFIX + ":".join("" if value is None else _base36(value) for value in values)

    @classmethod
    def read(cls, match: re.Match[str]) -> Self:
        """Return the search in the ID of a button, which matches ``TEMPLATE``.

        Raises ``ButtonExpired`` if a number is none that a search could have.
        """
        values: dict[str, Any] = {
            name: int(text, 36) if text else None for name, text in match.groupdict().items()
        }
        for name, value in values.items():
            if (value or 0) >> (63 if name in _IDS else 31):
                raise ButtonExpired
        return cls(**values)

    def query(self, guild_id: int | None, visibility: Visibility) -> SearchQuery:
        """Return the query for a server, limited to what a person may see."""
        return SearchQuery(
            self.concept,
            guild_id=guild_id,
            channel_id=self.channel,
            author_id=self.author,
            since=_midnight(self.since),
            until=None if self.until is None else _midnight(self.until + 1),
            min_score=None if self.min_score is None else self.min_score / 10_000,
            visibility=visibility,
        )


def parse_day(text: str | None) -> int | None:
    """Read a day such as ``2026-11-24`` as its ordinal; None if it is no day."""
    try:
        return date.fromisoformat((text or "").strip()).toordinal()
    except ValueError:
        return None


def parse_score(text: str | None) -> int | None:
    """Read a score such as ``0.9`` or ``90%`` in 1/10,000; None if it is no score."""
    score = parse_threshold(text) if text else None
    return None if score is None else round(score * 10_000)


def _midnight(day: int | None) -> datetime | None:
    """Return the start of a day; None for an ordinal outside of the calendar."""
    if day is None or not 1 <= day <= date.max.toordinal():
        return None
    return datetime.combine(date.fromordinal(day), datetime.min.time(), UTC)


def _base36(number: int) -> str:
    digits = ""
    while number:
        number, digit = divmod(number, 36)
        digits = _DIGITS[digit] + digits
    return digits or "0"
