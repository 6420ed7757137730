"""What a person asked ``/find`` for: their query and the options, as they are stored."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from datetime import UTC, date, datetime
from typing import Any, Self

from bot.domain.query import Clause, Field, Order, Query, Term, parse
from bot.domain.settings import parse_threshold


@dataclass(frozen=True, slots=True)
class SearchRequest:
    """A query with the options of the command.

    ``tag`` is the name of a tag, whatever characters it has. ``since`` and ``until`` are days by
    their ordinal, both inclusive; ``order`` is None unless the person chose one.
    """

    query: str = ""
    tag: str | None = None
    channel: int | None = None
    author: int | None = None
    since: int | None = None
    until: int | None = None
    min_score: float | None = None
    order: str | None = None

    @property
    def text(self) -> str:
        """What the person looks for, to show it."""
        return " ".join(filter(None, (self.tag, self.query.strip())))

    def parsed(self) -> Query:
        """Return the query with the tag, and with the days of the options where it has none."""
        query = parse(self.query)
        if self.tag:
            query = replace(
                query, clauses=(Clause((Term(self.tag, field=Field.TAG),)), *query.clauses)
            )
        since, until = _midnight(self.since), _midnight(self.until and self.until + 1)
        return replace(query, since=query.since or since, until=query.until or until)

    def order_of(self, query: Query) -> Order:
        """Return the order: the best first if there is more than one thing to find."""
        if self.order:
            return Order(self.order)
        several = sum(not clause.excluded for clause in query.clauses) > 1
        return Order.BEST if several else Order.NEWEST

    def to_json(self) -> str:
        """Return the request as text; equal requests are equal texts."""
        return json.dumps({name: value for name, value in asdict(self).items() if value})

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Return the request that ``to_json`` wrote, perhaps in another version."""
        values: dict[str, Any] = json.loads(text)
        return cls(**{name: value for name, value in values.items() if name in cls.__slots__})


def parse_day(text: str | None) -> int | None:
    """Read a day such as ``2026-11-24`` as its ordinal; None if it is no day."""
    try:
        return date.fromisoformat((text or "").strip()).toordinal()
    except ValueError:
        return None


def parse_score(text: str | None) -> float | None:
    """Read a score such as ``0.9`` or ``90%``; None if it is no score."""
    return parse_threshold(text) if text else None


def _midnight(day: int | None) -> datetime | None:
    """Return the start of a day; None for an ordinal outside of the calendar."""
    if day is None or not 1 <= day <= date.max.toordinal():
        return None
    return datetime.combine(date.fromordinal(day), datetime.min.time(), UTC)
