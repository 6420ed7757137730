"""Personal alerts: queries that people saved, and what they are told about a new clip."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

MAX_SAVED_QUERIES = 10
"""Of one person, in all servers."""
MAX_FAILURES = 3
"""Private messages in a row that Discord may refuse before a person's alerts are switched off."""
MAX_OFFSET = 14 * 60
"""Minutes by which a time zone may differ from UTC."""

_DAY = 24 * 60


@dataclass(frozen=True, slots=True)
class SavedQuery:
    """A query of a person about one server's new clips, as they typed it.

    ``author_id`` and ``channel_id`` are what ``by:`` and ``in:`` meant when it was saved.
    """

    user_id: int
    guild_id: int
    text: str
    author_id: int | None = None
    channel_id: int | None = None
    id: int = 0


@dataclass(frozen=True, slots=True)
class QuietHours:
    """Hours of the day without private messages, in minutes since midnight where the person is.

    They may go past midnight. ``offset`` is in minutes from UTC.
    """

    start: int
    end: int
    offset: int = 0

    def end_after(self, now: datetime) -> datetime | None:
        """Return when the quiet hours end, if it is one of them now."""
        local = now.astimezone(UTC) + timedelta(minutes=self.offset)
        minute = local.hour * 60 + local.minute
        length = (self.end - self.start) % _DAY
        since_start = (minute - self.start) % _DAY
        if since_start >= length:
            return None
        full = local.replace(second=0, microsecond=0)
        return full + timedelta(minutes=length - since_start) - timedelta(minutes=self.offset)


@dataclass(frozen=True, slots=True)
class Recipient:
    """How a person wants their alerts, and whether they arrive.

    ``failures`` counts private messages in a row that Discord refused.
    """

    user_id: int
    language: str = "en"
    quiet: QuietHours | None = None
    failures: int = 0

    @property
    def is_off(self) -> bool:
        """Whether the alerts are switched off, as too many could not be delivered."""
        return self.failures >= MAX_FAILURES


@dataclass(frozen=True, slots=True)
class PersonalAlert:
    """A line about the new clips of a message for one person, until it is delivered.

    ``message_id`` is that of the posted clips, ``text`` the line in the person's language.
    ``parent_id`` is the channel of a thread.
    """

    message_id: int
    user_id: int
    query_id: int
    guild_id: int
    channel_id: int
    text: str
    parent_id: int | None = None
