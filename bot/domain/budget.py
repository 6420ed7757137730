"""Budgets: who pays for billed frames, and how many are allowed per month."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

OPERATOR = "operator"
"""Pays for clips tagged on the command line."""


@dataclass(frozen=True, slots=True)
class Payer:
    """The payer (a job's owner) and what they pay for; each ``reference`` is billed once."""

    name: str = OPERATOR
    reference: str = ""

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


def month_of(moment: datetime) -> str:
    """Return the month of a moment, such as ``2026-11``."""
    return f"{moment:%Y-%m}"
