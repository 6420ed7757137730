"""Budgets: who pays for billed frames, how many they may use, and what frames cost."""

from __future__ import annotations

import calendar
import hashlib
import math
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from datetime import date, datetime

    from bot.errors import BudgetLimit

OPERATOR = "operator"
"""Pays for clips tagged on the command line."""


_MAX_CURRENCY_LENGTH = 8
_ALL = 100
# A budget that is used up to this part is worth a warning.
_WARNING = 0.8
# The frames of ten minutes: a job's or a day's first clip may cost so many, however small the
# budget is.
_FIRST_CLIP = 600


@dataclass(slots=True)
class Tally:
    """The frames that one job has reserved or was billed so far."""

    frames: int = 0


@dataclass(frozen=True, slots=True)
class Payer:
    """The payer (a job's owner) and what they pay for; each ``reference`` is billed once.

    The clips of a job share its ``tally``. ``person`` names whose clips they are in a server, as
    one person may use a part of its frames. Newcomers may use a part of the frames of all.
    """

    name: str = OPERATOR
    reference: str = ""
    tally: Tally = field(default_factory=Tally, compare=False, repr=False)
    person: str = ""
    newcomer: bool = False

    def for_clip(self, fingerprint: str) -> Payer:
        """Return the payer for one of the clips; the reference no longer tells the message."""
        both = f"{self.reference} {fingerprint}"
        return replace(self, reference=hashlib.sha256(both.encode()).hexdigest())


@dataclass(frozen=True, slots=True)
class Spent:
    """Frames used today and this month, in UTC."""

    today: int = 0
    month: int = 0


@dataclass(frozen=True, slots=True)
class Spending:
    """What was used before a clip: by its payer and by all, and by those who have a share."""

    payer: int = 0
    overall: int = 0
    person: Spent = Spent()
    newcomer: Spent = Spent()
    newcomers: Spent = Spent()


@dataclass(frozen=True, slots=True)
class Share:
    """A part of the frames of a month: ``percent`` of them in a day, and half in the month.

    As the month goes on, half becomes more: when two thirds of it are over, two thirds of the
    frames. So what others can still need is left for them, and nothing has to expire.
    """

    frames: int
    percent: int

    def remaining(self, used: Spent, day: date, *, first: int = 0) -> int:
        """Return how many frames are left; the ``first`` ones of a day may exceed the day's."""
        daily = self.frames * self.percent // _ALL
        if not used.today:
            daily = max(daily, first)
        monthly = int(self.frames * max(0.5, day.day / _days_in_month(day)))
        return max(0, min(daily - used.today, monthly - used.month))


@dataclass(frozen=True, slots=True)
class Budget:
    """The limits in frames per month, for one server and for all; None means unlimited.

    The shares are percentages: of a server's month for one of its people each day, and of the
    month of all for new and small servers together.
    """

    server: int | None = None
    overall: int | None = None
    person_share: int = 100
    newcomers_share: int = 100

    def refused_by(
        self, payer: Payer, used: Spending, frames: int, day: date, *, models: int = 1
    ) -> BudgetLimit | None:
        """Return the limit that a clip would exceed, if it would exceed one."""
        room = self.remaining(used.payer, used.overall)
        if room is not None and frames > room:
            return "month"
        left = self.left_for_person(payer, used, day, models=models)
        if left is not None and frames > left:
            return "person"
        left = self.left_for_newcomer(payer, used, day)
        return "newcomers" if left is not None and frames > left else None

    def left_for_person(
        self, payer: Payer, used: Spending, day: date, *, models: int = 1
    ) -> int | None:
        """Return how many frames a person may use in a server now; None if as many as are left."""
        limits = self._limits
        if not (limits and payer.person) or self.person_share >= _ALL:
            return None
        share = Share(min(limits), self.person_share)
        return share.remaining(used.person, day, first=_FIRST_CLIP * models)

    def left_for_newcomer(self, payer: Payer, used: Spending, day: date) -> int | None:
        """Return how many frames a newcomer may use now; None if as many as are left.

        All newcomers have one share, so that a hundred new servers have no more than one. Each may
        use half of it.
        """
        if self.overall is None or not payer.newcomer or self.newcomers_share >= _ALL:
            return None
        every = Share(self.overall, self.newcomers_share)
        daily = self.overall * self.newcomers_share // _ALL // 2
        return min(every.remaining(used.newcomers, day), max(0, daily - used.newcomer.today))

    def remaining(self, used: int, used_overall: int) -> int | None:
        """Return how many frames are left, or None if unlimited."""
        left = []
        if self.server is not None:
            left.append(self.server - used)
        if self.overall is not None:
            left.append(self.overall - used_overall)
        return max(0, min(left)) if left else None

    def is_nearly_used_up(self, used: int) -> bool:
        """Return whether most of a server's frames are used."""
        return self.server is not None and used >= _WARNING * self.server

    def is_nearly_used_up_overall(self, used: int) -> bool:
        """Return whether most of the frames of all servers are used."""
        return self.overall is not None and used >= _WARNING * self.overall

    def allows(self, payer: Payer, frames: int, *, models: int = 1) -> bool:
        """Return whether a job may reserve so many frames more: it has half of a month's.

        One command can't use up what is meant for a server's month. A single clip of ordinary
        length is tagged as long as the month has frames for it, by each of the ``models`` it is
        sent to; so are the operator's own clips.
        """
        limits = self._limits
        if not limits or payer.name == OPERATOR:
            return True
        is_first = payer.tally.frames == 0 and frames <= _FIRST_CLIP * models
        return is_first or payer.tally.frames + frames <= min(limits) // 2

    @property
    def _limits(self) -> list[int]:
        return [limit for limit in (self.server, self.overall) if limit is not None]


@dataclass(frozen=True, slots=True)
class Price:
    """What a thousand billed frames cost, and the name of the currency, if there is one."""

    per_thousand: float
    currency: str = ""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a price such as ``1.2`` or ``1.20 EUR``; raises ``ValueError``."""
        amount, _, currency = text.strip().partition(" ")
        price = cls(float(amount), currency.strip())
        if not (math.isfinite(price.per_thousand) and price.per_thousand > 0):
            raise ValueError("not a price")
        if len(price.currency) > _MAX_CURRENCY_LENGTH or not price.currency.isprintable():
            raise ValueError("not a currency")
        return price

    def of(self, frames: int) -> float:
        """Return what some frames cost."""
        return self.per_thousand * frames / 1000


def month_of(moment: datetime) -> str:
    """Return the month of a moment, such as ``2026-11``."""
    return f"{moment:%Y-%m}"


def _days_in_month(day: date) -> int:
    return calendar.monthrange(day.year, day.month)[1]
