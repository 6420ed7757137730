"""Budgets: who pays for billed frames, how many are allowed per month, and what they cost."""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from datetime import datetime

OPERATOR = "operator"
"""Pays for clips tagged on the command line."""


_MAX_CURRENCY_LENGTH = 8
# A budget that is used up to this part is worth a warning.
_WARNING = 0.8
# The frames of ten minutes: a job's first clip may cost so many, however small the budget is.
_FIRST_CLIP = 600


@dataclass(slots=True)
class Tally:
    """The frames that one job has reserved or was billed so far."""

    frames: int = 0


@dataclass(frozen=True, slots=True)
class Payer:
    """The payer (a job's owner) and what they pay for; each ``reference`` is billed once.

    The clips of a job share its ``tally``.
    """

    name: str = OPERATOR
    reference: str = ""
    tally: Tally = field(default_factory=Tally, compare=False, repr=False)

    def for_clip(self, fingerprint: str) -> Payer:
        """Return the payer for one of the clips; the reference no longer tells the message."""
        both = f"{self.reference} {fingerprint}"
        return replace(self, reference=hashlib.sha256(both.encode()).hexdigest())


@dataclass(frozen=True, slots=True)
class Budget:
    """The limits in frames per month, for one server and for all; None means unlimited."""

    server: int | None = None
    overall: int | None = None

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
        limits = [limit for limit in (self.server, self.overall) if limit is not None]
        if not limits or payer.name == OPERATOR:
            return True
        is_first = payer.tally.frames == 0 and frames <= _FIRST_CLIP * models
        return is_first or payer.tally.frames + frames <= min(limits) // 2


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
